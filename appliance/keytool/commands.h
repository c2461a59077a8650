// The commands of keytool, each on an open store. They throw Failures in Java's words and leave the file as it was then.
// True: the store was changed and has to be saved (they save it themselves where another password comes into force).
#pragma once

#include "appliance/keytool/work.h"

namespace chancery::keytool {

void list_entries(Work& work);
void export_certificate(Work& work);
void print_certificate(Work& work);
void print_request(Work& work);
void delete_entry(Work& work);
void change_alias(Work& work);
void change_store_password(Work& work);
void change_key_password(Work& work);
void import_certificate(Work& work);
void make_key_pair(Work& work);
void make_request(Work& work);

// -importkeystore opens two stores in its own order.
void import_keystore(Work& work);

}  // namespace chancery::keytool
