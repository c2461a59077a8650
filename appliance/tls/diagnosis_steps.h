// The steps of a diagnosis that look only at the certificates: chain, trust, names, expiry. For diagnosis.cpp and
// tests.
#pragma once

#include "appliance/tls/diagnosis.h"
#include "keystore/x509/instant.h"

namespace chancery::tls {

void judge_chain(const std::vector<Certificate>& chain, const std::string& name, ByteView trust_pem, Instant now,
                 std::vector<DiagnosisStep>& steps);

}  // namespace chancery::tls
