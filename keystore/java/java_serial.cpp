#include "keystore/java/java_serial.h"

#include "keystore/java/format.h"

// stream    AC ED 00 05 · object
// object    73 · class · values…                       string  74 · UTF
// class     72 · name UTF · version u64 · flags u8     array   75 · class · count u32 · bytes
//              · count u16 · field… · 78 · parent      enum    7E · class · string
// field     code u8 · name UTF · type as a string      null    70
// Anything that came before: 71 · 007E0000 + its number, in the order of beginnings. Parents are classes, or null.

namespace chancery::java {
namespace {

constexpr std::uint32_t header = 0xaced0005, first_handle = 0x007e0000;
constexpr std::uint8_t null_mark = 0x70, reference_mark = 0x71, class_mark = 0x72, object_mark = 0x73,
                       string_mark = 0x74, array_mark = 0x75, end_mark = 0x78, enum_mark = 0x7e;
constexpr std::size_t handle_limit = 32;

constexpr SerialClass bytes_class{
    .name = "[B", .version = 0xacf317f8060854e0, .flags = 2, .fields = {}, .parent = nullptr};

}  // namespace

SerialReader::SerialReader(ByteView bytes, std::string source) : source_(std::move(source)), in_(bytes, source_) {
  if (in_.u32() != header) refuse("has something in the place of a sealed Java object");
}

bool SerialReader::has_header(ByteView bytes) noexcept {
  constexpr std::uint8_t expected[] = {0xac, 0xed, 0x00, 0x05};
  return bytes.size() >= 4 && text_of(bytes.first(4)) == text_of(expected);
}

void SerialReader::refuse(const std::string& cause) const { fail_hostile(source_, cause); }

void SerialReader::keep(Handle handle) {
  if (handles_.size() == handle_limit) refuse("has a Java object with too many parts");
  handles_.push_back(handle);
}

const SerialReader::Handle& SerialReader::referred() {
  const std::uint32_t number = in_.u32() - first_handle;
  if (number >= handles_.size()) refuse("has a Java object that refers to nothing");
  return handles_[number];
}

const SerialClass* SerialReader::class_description(std::initializer_list<const SerialClass*> expected) {
  const std::uint8_t mark = in_.u8();
  if (mark == class_mark) return new_class(expected);
  if (mark == reference_mark) {
    const SerialClass* described = referred().described;
    for (const SerialClass* one : expected) {
      if (one == described) return one;
    }
  }
  refuse("has a Java object of a class that no key is made of");
}

const SerialClass* SerialReader::new_class(std::initializer_list<const SerialClass*> expected) {
  const std::string_view name = text_of(in_.sized16());
  const std::uint64_t version = in_.u64();
  const SerialClass* found = nullptr;
  for (const SerialClass* one : expected) {
    if (one->name == name && one->version == version) found = one;
  }
  if (found == nullptr) refuse("has a Java object of a class that no key is made of");
  keep({.described = found, .text = {}, .is_text = false});
  bool same = in_.u8() == found->flags && in_.u16() == found->fields.size();
  for (const SerialField& field : found->fields) {
    if (!same) break;
    same = in_.u8() == static_cast<std::uint8_t>(field.code) && text_of(in_.sized16()) == field.name &&
           string() == field.type;
  }
  if (!same || in_.u8() != end_mark) refuse("has a Java object whose class has other fields than Java's");
  if (found->parent != nullptr) {
    (void)class_description({found->parent});
  } else if (in_.u8() != null_mark) {
    refuse("has a Java object whose class has another parent than Java's");
  }
  return found;
}

const SerialClass* SerialReader::begin_object(std::initializer_list<const SerialClass*> expected) {
  if (in_.u8() != object_mark) refuse("has something in the place of a Java object");
  const SerialClass* found = class_description(expected);
  keep({.described = nullptr, .text = {}, .is_text = false});
  return found;
}

std::string_view SerialReader::string() {
  const std::uint8_t mark = in_.u8();
  if (mark == null_mark) return {};
  if (mark == string_mark) {
    const std::string_view text = text_of(in_.sized16());
    keep({.described = nullptr, .text = text, .is_text = true});
    return text;
  }
  if (mark == reference_mark) {
    const Handle& handle = referred();
    if (handle.is_text) return handle.text;
  }
  refuse("has a Java object with something in the place of a text");
}

ByteView SerialReader::byte_array() {
  const std::uint8_t mark = in_.u8();
  if (mark == null_mark) return {};
  if (mark != array_mark) refuse("has a Java object with something in the place of bytes");
  (void)class_description({&bytes_class});
  keep({.described = nullptr, .text = {}, .is_text = false});
  const std::uint32_t size = in_.u32();
  if (size > 0x7fffffff) refuse("has a Java object with a field of " + std::to_string(size) + " bytes");
  return in_.block(size);
}

std::string_view SerialReader::enum_constant(const SerialClass& expected) {
  if (in_.u8() != enum_mark) refuse("has a Java object with something in the place of an enum");
  (void)class_description({&expected});
  keep({.described = nullptr, .text = {}, .is_text = false});
  return string();
}

SerialWriter::SerialWriter() { out_.u32(header); }

bool SerialWriter::refer(const SerialClass* described, std::string_view text) {
  for (std::size_t i = 0; i < handles_.size(); ++i) {
    if (handles_[i].described != described || handles_[i].text != text) continue;
    out_.u8(reference_mark).u32(first_handle + static_cast<std::uint32_t>(i));
    return true;
  }
  handles_.push_back({described, text});
  return false;
}

void SerialWriter::type_name(std::string_view type) {
  if (!refer(nullptr, type)) out_.u8(string_mark).sized16(view_of(type));
}

void SerialWriter::class_description(const SerialClass& one) {
  if (refer(&one, {})) return;
  out_.u8(class_mark).sized16(view_of(one.name)).u64(one.version).u8(one.flags);
  out_.u16(static_cast<std::uint16_t>(one.fields.size()));
  for (const SerialField& field : one.fields) {
    out_.u8(static_cast<std::uint8_t>(field.code)).sized16(view_of(field.name));
    type_name(field.type);
  }
  out_.u8(end_mark);
  if (one.parent == nullptr) {
    out_.u8(null_mark);
  } else {
    class_description(*one.parent);
  }
}

void SerialWriter::begin_object(const SerialClass& one) {
  out_.u8(object_mark);
  class_description(one);
  handles_.push_back({nullptr, {}});
}

void SerialWriter::string(std::string_view ascii) {
  out_.u8(string_mark).sized16(view_of(ascii));
  handles_.push_back({nullptr, {}});
}

void SerialWriter::byte_array(ByteView bytes) {
  out_.u8(array_mark);
  class_description(bytes_class);
  handles_.push_back({nullptr, {}});
  out_.sized32(bytes);
}

}  // namespace chancery::java
