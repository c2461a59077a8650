// A person's name in the texts that a directory is asked with. Whatever the name holds, it stays one value: it can
// neither end the DN (RFC 4514, 2.4) nor add to the filter (RFC 4515, 3).
//
//   with_user_in_dn("uid={user},ou=people", "a,ou=x")       "uid=a\2cou\3dx,ou=people"
//   with_user_in_filter("(uid={user})", "*)(uid=*")         "(uid=\2a\29\28uid=\2a)"
//
// Thread safety: pure functions.
#pragma once

#include <string>

namespace chancery::portal {

// 1 to 128 bytes without control characters: what is worth asking a directory for.
[[nodiscard]] bool is_user_name(const std::string& name);
[[nodiscard]] std::string with_user_in_dn(const std::string& pattern, const std::string& user);
[[nodiscard]] std::string with_user_in_filter(const std::string& pattern, const std::string& user);

}  // namespace chancery::portal
