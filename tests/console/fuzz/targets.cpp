#include "tests/console/fuzz/targets.h"

#include <algorithm>

#include "appliance/console/form.h"
#include "tests/fuzz/expectations.h"

namespace chancery::fuzz {

// The first line is the content type, the rest the body.
void console_form(ByteView input) {
  const std::string text(text_of(input));
  const std::size_t end = std::min(text.find('\n'), text.size());
  std::string body = text.substr(std::min(end + 1, text.size()));
  const std::string whole = body;
  allowing_failures({}, [&] {
    const console::Form form(text.substr(0, end), body);
    std::size_t held = 0;
    for (const console::Part& part : form.parts()) {
      held += part.bytes.size();
      must(!part.name.empty() && part.file_name.find('/') == std::string::npos);
    }
    must(held <= whole.size());
  });
}

}  // namespace chancery::fuzz
