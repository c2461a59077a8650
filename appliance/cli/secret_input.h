// Secrets from where they may come: a file, an environment variable, or a prompt without echo. Never from argv.
//
//   std::optional<SecretBytes> passphrase = given_secret(arguments, "--passphrase");   // …-file, …-env
//   SecretBytes token = prompted_secret("passphrase of portal.key: ");
//
// One line end at the end of a file or an answer is not part of the secret. At most 64 KiB. Thread safety: none needed.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "appliance/cli/arguments.h"
#include "appliance/preflight/preflight.h"
#include "keystore/bytes/secret.h"

namespace chancery::cli {

// From NAME-file FILE ("-" is stdin) or NAME-env VARIABLE; nullopt when neither was given. Both is Failure("usage").
[[nodiscard]] std::optional<SecretBytes> given_secret(const Arguments& arguments, const std::string& name);
[[nodiscard]] SecretBytes secret_from(const std::string& path);

// A prompt can be answered: stdin and stderr are terminals.
[[nodiscard]] bool can_prompt();
[[nodiscard]] SecretBytes prompted_secret(const std::string& prompt);  // Failure("no-terminal"), "interrupted"
// The prompt twice; Failure("passphrase-differs").
[[nodiscard]] SecretBytes prompted_secret_twice(const std::string& prompt);
// y or yes; anything else, and no answer, is no.
[[nodiscard]] bool confirmed(const std::string& question);

// The passphrase for these files: given; else, where one of them holds an encrypted key and a person is there, asked
// for.
[[nodiscard]] std::optional<SecretBytes> passphrase_for(const Arguments& arguments,
                                                        const std::vector<const preflight::SourceFile*>& files);

}  // namespace chancery::cli
