#include "appliance/authority/keeper.h"

#include "keystore/fault.h"

namespace chancery::authority {

struct Keeper::Open {
  Open(const RegisterPlace& given, Authority opened, const Claimant& me, const Clock& clock)
      : place(given),
        address(me.address),
        authority(std::move(opened)),
        issuership(authority.store(), given, me, clock) {}

  RegisterPlace place;
  std::string address;
  Authority authority;
  Issuership issuership;
};

Keeper::Keeper(const Folder& state, Clock clock)
    : state_(Folder::open(state.path())), folder_(state.open_folder("authority")), clock_(std::move(clock)) {}
Keeper::~Keeper() = default;

Keeper::Standing Keeper::look(const std::string& address) {
  std::shared_ptr<Open> present;
  {
    const std::lock_guard lock(mutex_);
    present = open_;
  }
  try {
    const RegisterPlace place = RegisterPlace::of(state_.path());
    if (!present || !present->place.is_same(place) || present->address != address) {
      // The former claim ends before a new one is made: it would stand in its way.
      {
        const std::lock_guard lock(mutex_);
        open_.reset();
        why_not_.reset();
      }
      present.reset();
      present = std::make_shared<Open>(place, Authority::open(folder_, place.open(), clock_),
                                       claimant_of(state_.path(), address), clock_);
      const std::lock_guard lock(mutex_);
      open_ = present;
    }
    return {.place = place.text(), .issues = present->issuership.look()};
  } catch (const Failure& failure) {
    const std::lock_guard lock(mutex_);
    why_not_ = failure;
    throw;
  }
}

std::shared_ptr<Authority> Keeper::authority() const {
  const std::lock_guard lock(mutex_);
  if (open_) return {open_, &open_->authority};
  if (why_not_) throw Failure(*why_not_);
  throw not_the_issuer({});
}

std::string Keeper::other_issuer() const noexcept {
  try {
    std::shared_ptr<Open> present;
    {
      const std::lock_guard lock(mutex_);
      present = open_;
    }
    if (!present || present->issuership.is_ours()) return "";
    std::string address = issuance_of(present->authority.store()).address;
    return address == present->address ? "" : address;
  } catch (const std::exception&) {
    return "";  // it is a help and no answer
  }
}

}  // namespace chancery::authority
