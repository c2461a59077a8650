#include "appliance/wire/plain_text.h"

#include "keystore/bytes/secret.h"

namespace chancery::wire {

Bytes fresh_nonce() {
  const SecretBytes random = random_secret(nonce_size);
  return {random.begin(), random.end()};
}

Bytes plain_transcript(const PlainNonces& nonces, Speaker speaker, const std::string& id) {
  Bytes transcript = bytes_of(speaker == Speaker::collector ? "chancery collector speaks in plain text 1\n"
                                                            : "chancery server speaks in plain text 1\n");
  for (const Bytes* part : {&nonces.collector, &nonces.server}) {
    transcript.insert(transcript.end(), part->begin(), part->end());
  }
  transcript.insert(transcript.end(), id.begin(), id.end());
  return transcript;
}

}  // namespace chancery::wire
