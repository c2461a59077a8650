#include "appliance/keytool/extension_parts.h"

namespace chancery::keytool {

std::string joined(const std::vector<std::string>& parts) {
  std::string text = "[";
  for (const std::string& part : parts) text += (text.size() == 1 ? "" : ", ") + part;
  return text + "]";
}

std::optional<ByteView> sequence_content(ByteView value) {
  const auto outer = der::next(value, der::sequence);
  if (!outer) return std::nullopt;
  return outer->content;
}

}  // namespace chancery::keytool
