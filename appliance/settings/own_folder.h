// Where the running program lies: the package's other programs lie beside it, wherever that was put.
//
//   const std::string collector = own_folder() + "/chancery-collector";
//
// "/usr/bin" where the kernel does not say (/proc is not mounted). It does not look whether anything is there. Safe from
// any thread.
#pragma once

#include <string>

namespace chancery {

[[nodiscard]] std::string own_folder();  // absolute, without a slash at its end

}  // namespace chancery
