// The commands of `chancery keystore …`, one function each; keystore.cpp has their rows of the table.
#pragma once

#include "appliance/cli/session.h"

namespace chancery::cli {

int run_keystore_list(Session& session);
int run_keystore_verify(Session& session);
int run_keystore_import(Session& session);
int run_keystore_export(Session& session);
int run_keystore_delete(Session& session);
int run_keystore_rename(Session& session);
int run_keystore_passwd(Session& session);
int run_keystore_convert(Session& session);

}  // namespace chancery::cli
