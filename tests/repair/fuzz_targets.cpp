#include "tests/repair/fuzz_targets.h"

#include "appliance/repair/repair_file.h"
#include "tests/fuzz/expectations.h"
#include "tests/repair/signed_order.h"

namespace chancery::fuzz {

void repair_file(ByteView bytes) {
  using test::SignedOrder;
  allowing_failures({"repair-invalid", "repair-signer"}, [&] {
    const repair::RepairFile file = repair::RepairFile::read(bytes);
    const repair::RepairOrder order =
        file.open({SignedOrder::federation, SignedOrder::first().public_key_der()}, {.id = "", .now = Instant{}});
    must(order.number == SignedOrder::number && order.host == "b.test" && order.anchors.size() == 1);
  });
}

void repair_key(ByteView document) {
  allowing_failures({"repair-invalid"}, [&] {
    const repair::ShippedKey once = repair::read_shipped_key(document);
    const std::string text = repair::write_shipped_key(once);
    const repair::ShippedKey again = repair::read_shipped_key(view_of(text));
    must(again.federation == once.federation && again.key == once.key);
  });
}

}  // namespace chancery::fuzz
