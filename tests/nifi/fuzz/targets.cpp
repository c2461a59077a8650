#include "tests/nifi/fuzz/targets.h"

#include <cstdlib>

#include "appliance/nifi/http_head.h"
#include "appliance/nifi/names.h"
#include "appliance/nifi/wire.h"
#include "keystore/fault.h"

namespace chancery::fuzz {
namespace {

// Anything but a value or a Failure is a finding.
template <typename Work>
void only_failures(Work work) {
  try {
    work();
  } catch (const Failure&) {
    (void)0;
  }
}

}  // namespace

void nifi_head(ByteView input) {
  const nifi::Head head = nifi::read_head(text_of(input));
  if (head.refusal == 0 && (head.length > nifi::body_limit || head.size > input.size())) std::abort();
}

void nifi_body(ByteView input) {
  const std::string body(text_of(input));
  only_failures([&] {
    const std::string once = nifi::write_request(nifi::read_request(body));
    if (nifi::write_request(nifi::read_request(once)) != once) std::abort();
  });
  only_failures([&] {
    const std::string once = nifi::write_reply(nifi::read_reply(body));
    if (nifi::write_reply(nifi::read_reply(once)) != once) std::abort();
  });
}

void nifi_request(ByteView input) {
  only_failures([&] {
    const nifi::Certified certified = nifi::certified_names(CertificateRequest::from_der(input));
    for (const AlternativeName& name : certified.names) {
      if (name.value.find('*') != std::string::npos) std::abort();
    }
  });
}

}  // namespace chancery::fuzz
