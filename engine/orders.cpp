#include "engine/orders.h"

#include "appliance/control/message.h"
#include "appliance/federation/order.h"
#include "appliance/membership/membership.h"
#include "appliance/settings/appliance.h"
#include "keystore/fault.h"

namespace chancery::engine {

namespace {

// A change waits for others (2 min), reload commands (30 s each) and probes.
constexpr std::chrono::minutes patience{4};

bool is_primary(const http::Call& call) {
  const auto chain = call.connection.peer_chain();
  const auto member = chain.empty() ? std::nullopt : member_name(chain.front());
  return member && (member->role == to_text(Role::primary) || member->role == to_text(Role::single));
}

}  // namespace

void relay_orders(serving::Program& program) {
  program.routes().add_for_members(
      "POST", federation::order_path,
      [&program](const http::Call& call) {
        if (!is_primary(call)) {
          return http::Answer::problem(403, "forbidden", "only the primary of the federation gives orders", "");
        }
        control::Message request{.json = R"({"verb":"member-order","arguments":{"order":{"attachment":0}}})",
                                 .attachments = {secret_copy(call.body)}};
        const control::Message reply =
            control::ask(program.state().path() + "/run/manager/control.sock", request, patience);
        if (reply.attachments.size() != 1) {
          throw Failure({.code = "reply-invalid",
                         .subject = "chancery-manager",
                         .cause = "it has not answered the order",
                         .hint = "are chancery-engine and chancery-manager of the same version?"});
        }
        return http::Answer{.status = 200,
                            .content_type = federation::order_content_type,
                            .body = std::string(text_of(view_of(reply.attachments.front()))),
                            .headers = {},
                            .stream = {}};
      },
      federation::sealed_order_limit);
}

}  // namespace chancery::engine
