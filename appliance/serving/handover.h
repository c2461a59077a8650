// On a single appliance the portal owns port 443 and gives collectors' connections to the engine, as descriptors over a
// Unix socket (SCM_RIGHTS), before a byte of them is read. One message of one byte carries one descriptor.
//
//   HandoverReceiver receiver(state, [&](tls::Descriptor connected) { listener.take(…, "engine"); });   // engine
//   HandoverSender sender(state);  sender.give(descriptor);                                             // portal
//
// The socket is STATE/run/engine/handover.sock, mode 0660: who may connect is decided by the folder and the mode.
// Neither blocks: an engine that does not take connections is as good as none. Thread safety: give() from any thread.
#pragma once

#include <functional>
#include <memory>
#include <mutex>

#include "appliance/tls/descriptor.h"
#include "keystore/files/folder.h"

namespace chancery::serving {

class HandoverSender {
 public:
  explicit HandoverSender(const Folder& state);
  // True when the engine has been given (a duplicate of) the descriptor; the caller closes its own.
  bool give(int descriptor);

 private:
  std::string path_;
  std::mutex mutex_;
  tls::Descriptor link_;
};

class HandoverReceiver {
 public:
  // Failure of the system when the socket cannot be made. `take` is called on a thread of the receiver.
  HandoverReceiver(const Folder& state, std::function<void(tls::Descriptor connected)> take);
  ~HandoverReceiver();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace chancery::serving
