// chancery backup export and import: a set as a file that leaves the appliance and comes back.
#pragma once

#include "appliance/cli/session.h"

namespace chancery::cli {

int run_backup_export(Session& session);
int run_backup_import(Session& session);

}  // namespace chancery::cli
