// What a request brings: JSON, or the parts of a form (multipart/form-data, RFC 7578), which is how files and secrets
// come.
//
//   Form form = form_of(call);                              // the call's body is wiped when the form goes
//   ByteView password = form.secret("password");            // empty when absent
//   Arguments arguments = arguments_for(route, form, …);    // what the manager is asked with
//
// A secret is only ever a view into the body until it is copied into wiping memory: the JSON library would leave
// copies. At most 1,000 parts; a part's head has at most 2 KiB. Failure("bad-request") for what is no form,
// Failure("bad-argument") for parts that the route does not take. What values mean is the manager's business. Thread
// safety: one thread.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "appliance/console/verb_table.h"
#include "appliance/control/message.h"
#include "appliance/http/server.h"
#include "keystore/openssl/digest.h"

namespace chancery::console {

struct Part {
  std::string name;
  std::string file_name;
  bool is_file = false;
  ByteView bytes;
};

class Form {
 public:
  Form(const std::string& content_type, std::string& body);  // borrowed
  ~Form();
  Form(const Form&) = delete;
  Form& operator=(const Form&) = delete;

  const std::vector<Part>& parts() const noexcept { return parts_; }
  bool is_json() const noexcept { return is_json_; }
  std::string_view body() const noexcept { return body_; }
  [[nodiscard]] ByteView secret(std::string_view name) const;
  [[nodiscard]] std::string text(std::string_view name) const;
  // Of what it says, however it was written: a script that repeats a form writes another boundary.
  [[nodiscard]] Sha256 digest() const;

 private:
  void read_parts(const std::string& boundary);

  std::string& body_;
  std::vector<Part> parts_;
  bool is_json_ = false;
};

// Of a request whose handler is the last to read its body.
[[nodiscard]] Form form_of(const http::Call& call);

// Path parameters, query and form as the arguments of the route's verb. `attachments` gets files and secrets.
[[nodiscard]] nlohmann::json arguments_for(const VerbRoute& route, const std::map<std::string, std::string>& path,
                                           const std::map<std::string, std::string>& query, const Form* form,
                                           std::vector<SecretBytes>& attachments);

}  // namespace chancery::console
