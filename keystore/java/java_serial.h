// The few bytes of Java's object serialisation that a JCEKS has, read and written by exact shape. This is no deserialiser:
// every class is one that the caller names, field by field; anything else is Failure("keystore-hostile") and nothing is
// ever looked up, built or called by what the bytes say.
//
//   SerialReader in(bytes, source);
//   const auto* found = in.begin_object({&secret_key_spec, &key_rep});
//   std::string_view algorithm = in.string();
//   ByteView key = in.byte_array();
//
// Source: Java Object Serialization Specification, version 6.0, chapter 6. Failure("truncated") at the end of the bytes.
// Limits: 32 things that can be referred to. Thread safety: one thread per object.
#pragma once

#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "keystore/bytes/cursor.h"

namespace chancery::java {

struct SerialField {
  char code;  // '[' an array, 'L' an object
  std::string_view name;
  std::string_view type;
};

struct SerialClass {
  std::string_view name;
  std::uint64_t version;  // serialVersionUID
  std::uint8_t flags;     // SC_SERIALIZABLE 2, with SC_ENUM 0x10
  std::span<const SerialField> fields;
  const SerialClass* parent;  // nullptr: none that is serialisable
};

class SerialReader {
 public:
  // Reads the stream's header. `source` is how the file is called in messages.
  SerialReader(ByteView bytes, std::string source);
  [[nodiscard]] static bool has_header(ByteView bytes) noexcept;

  // An object of one of these classes, which is returned; its values follow, those of its parents first.
  const SerialClass* begin_object(std::initializer_list<const SerialClass*> expected);
  // A view into the bytes; empty for null. Modified UTF-8: compare it, or hand it on as ASCII.
  std::string_view string();
  ByteView byte_array();  // empty for null
  std::string_view enum_constant(const SerialClass& expected);

  std::size_t offset() const noexcept { return in_.offset(); }

 private:
  struct Handle {
    const SerialClass* described;  // nullptr: not a class
    std::string_view text;
    bool is_text;
  };
  const SerialClass* class_description(std::initializer_list<const SerialClass*> expected);
  const SerialClass* new_class(std::initializer_list<const SerialClass*> expected);
  void keep(Handle handle);
  const Handle& referred();
  [[noreturn]] void refuse(const std::string& cause) const;

  std::string source_;
  Reader in_;
  std::vector<Handle> handles_;
};

// Writes what SerialReader reads, byte for byte as Java's ObjectOutputStream does.
class SerialWriter {
 public:
  SerialWriter();
  void begin_object(const SerialClass& one);
  void string(std::string_view ascii);  // at most 65,535 bytes
  void byte_array(ByteView bytes);
  SecretBytes take() { return out_.take(); }

 private:
  struct Handle {
    const SerialClass* described;
    std::string_view text;  // of a type's name only: equal values are written anew, as Java does
  };
  void class_description(const SerialClass& one);
  void type_name(std::string_view type);
  bool refer(const SerialClass* described, std::string_view text);

  Writer out_;
  std::vector<Handle> handles_;
};

}  // namespace chancery::java
