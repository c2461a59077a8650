#include "tests/nifi/fuzz/targets.h"

#include "appliance/nifi/http_head.h"
#include "appliance/nifi/names.h"
#include "appliance/nifi/wire.h"
#include "tests/fuzz/expectations.h"

namespace chancery::fuzz {
void nifi_head(ByteView input) {
  const nifi::Head head = nifi::read_head(text_of(input));
  must(head.refusal != 0 || (head.length <= nifi::body_limit && head.size <= input.size()));
}

void nifi_body(ByteView input) {
  const std::string body(text_of(input));
  allowing_failures({}, [&] {
    const std::string once = nifi::write_request(nifi::read_request(body));
    must(nifi::write_request(nifi::read_request(once)) == once);
  });
  allowing_failures({}, [&] {
    const std::string once = nifi::write_reply(nifi::read_reply(body));
    must(nifi::write_reply(nifi::read_reply(once)) == once);
  });
}

void nifi_request(ByteView input) {
  allowing_failures({}, [&] {
    const nifi::Certified certified = nifi::certified_names(CertificateRequest::from_der(input));
    for (const AlternativeName& name : certified.names) {
      must(name.value.find('*') == std::string::npos);
    }
  });
}

}  // namespace chancery::fuzz
