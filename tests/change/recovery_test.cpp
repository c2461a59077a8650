// kill -9 at every step, then resolution: wholly old or wholly new, and the message tells which.

#include <sys/wait.h>

#include <csignal>
#include <filesystem>

#include "tests/change/bench.h"

namespace chancery::test {
namespace {

using change::Resolution;
using change::Step;

const std::vector<Step> all_steps{Step::preflighted, Step::staged,    Step::backed_up, Step::prepared,
                                  Step::switched,    Step::activated, Step::probed,    Step::committed};

class RecoveryTest : public Bench {
 protected:
  // A child runs the change and is killed after `step`; `in_child` may break something first.
  void killed_after(Step step, const std::function<void()>& in_child = {}, const std::string& identity = "new") {
    killed_in([&] {
      if (in_child) in_child();
      (void)change::Transaction(workplace([step](Step reached) {
        if (reached == step) ::raise(SIGKILL);
      })).run(replace_plan(identity), cause());
    });
  }
  void killed_in(const std::function<void()>& work) {
    const pid_t child = ::fork();
    if (child == 0) {
      try {
        work();
      } catch (...) {
        ::_exit(9);
      }
      ::_exit(8);
    }
    int status = 0;
    ASSERT_EQ(child, ::waitpid(child, &status, 0));
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << "exit " << WEXITSTATUS(status);
  }
  // All programs have died with the writer, and those started again load what is in force.
  void restart_programs() {
    for (auto& [name, program] : programs.programs) program.shared.generation = generations->current_number();
  }
  // One that is not in force.
  std::string another() {
    const std::string present = leaf_of(generations->current_number());
    return present == Pki::instance().identity("new").leaf.fingerprint() ? "other" : "new";
  }
  std::optional<Resolution> resolve() { return change::resolve_change_in_doubt(workplace()); }
};

TEST_F(RecoveryTest, NothingInDoubtIsNothingToDo) {
  EXPECT_FALSE(resolve());
  wholly(1);
}

TEST_F(RecoveryTest, KilledAtEveryStepWhileProgramsRun) {
  backup::GenerationNumber expected = 1;
  for (const Step step : all_steps) {
    SCOPED_TRACE(change::to_text(step));
    killed_after(step, {}, another());
    const auto in_force = generations->current_number();
    const auto resolution = resolve();
    const bool journalled = step == Step::switched || step == Step::activated || step == Step::probed;
    EXPECT_EQ(journalled, resolution.has_value());
    if (journalled || step == Step::committed) {
      EXPECT_GT(in_force, expected);
      expected = in_force;
    }
    if (resolution) {
      EXPECT_TRUE(resolution->committed);
      EXPECT_EQ(in_force, resolution->generation);
      EXPECT_NE(std::string::npos, resolution->explanation.find("committed")) << resolution->explanation;
    }
    wholly(expected);
    EXPECT_FALSE(resolve());
  }
}

TEST_F(RecoveryTest, KilledAtEveryStepWithEverythingElse) {
  for (const bool stopped : {true, false}) {
    for (const Step step : all_steps) {
      SCOPED_TRACE(change::to_text(step));
      const auto before = generations->current_number();
      killed_after(step, {}, another());
      stop_programs(stopped);
      restart_programs();
      const auto in_force = generations->current_number();
      const auto resolution = resolve();
      EXPECT_TRUE(!resolution || resolution->committed == (in_force != before));
      wholly(in_force);
      stop_programs(false);
      restart_programs();
    }
  }
}

TEST_F(RecoveryTest, KilledBetweenJournalAndRenameGoesBack) {
  killed_in([&] {
    change::Workplace place = workplace();
    const auto to = generations->stage(1, replace_plan().edits, cause());
    backup::Journal(*state).write({.from = 1,
                                   .to = to,
                                   .step = "prepared",
                                   .cause = cause(),
                                   .identities = {"engine"},
                                   .programs = {"engine"},
                                   .consumers = {},
                                   .foreign = {},
                                   .backup_set = ""});
    ::raise(SIGKILL);
  });
  const auto resolution = resolve();
  ASSERT_TRUE(resolution);
  EXPECT_FALSE(resolution->committed);
  EXPECT_EQ(1U, resolution->generation);
  EXPECT_NE(std::string::npos, resolution->explanation.find("was not put in force; generation 1 is in force"))
      << resolution->explanation;
  wholly(1);
}

TEST_F(RecoveryTest, WhatCannotBeProvenGoesBack) {
  killed_after(Step::switched);
  Shared& engine = programs.programs.at("engine").shared;
  engine.refuse_activate = 1;
  const auto resolution = resolve();
  ASSERT_TRUE(resolution);
  EXPECT_FALSE(resolution->committed);
  EXPECT_EQ(1U, resolution->generation);
  EXPECT_NE(std::string::npos, resolution->explanation.find("could not be proven")) << resolution->explanation;
  wholly(1);
}

TEST_F(RecoveryTest, AWrongLeafGoesBackAndAProgramThatStaysAwayIsNamed) {
  killed_after(Step::activated);
  Shared& engine = programs.programs.at("engine").shared;
  engine.stuck_at = 2;  // shows generation 2 for ever
  programs.programs.at("console").shared.refuse_activate = 0;
  EXPECT_TRUE(resolve()->committed);
  engine.stuck_at = 0;
  wholly(2);

  killed_after(Step::activated, {}, "other");
  engine.stuck_at = 1;
  try {
    (void)resolve();
    ADD_FAILURE() << "nothing was thrown";
  } catch (const Failure& failure) {
    EXPECT_TRUE(failure.needs_person());
    EXPECT_EQ("engine", failure.subject());
  }
  engine.stuck_at = 0;
  EXPECT_EQ(2U, generations->current_number());
  EXPECT_FALSE(resolve());
  wholly(2);
}

TEST_F(RecoveryTest, KilledOnTheWayBack) {
  for (const int at : {1, 2, 3, 4}) {  // the n-th time programs are asked how they are, forth and back
    SCOPED_TRACE(at);
    killed_in([&] {
      programs.programs.at("engine").shared.stuck_at = 1;  // makes the probe fail
      programs.on_status = [at](int asked) {
        if (asked == at) ::raise(SIGKILL);
      };
      (void)run(replace_plan());
    });
    programs.programs.at("engine").shared.stuck_at = 0;
    const auto resolution = resolve();
    const auto in_force = generations->current_number();
    EXPECT_TRUE(!resolution || resolution->generation == in_force);
    wholly(in_force);
    if (in_force != 1) {
      (void)run(replace_plan("old"));  // for the next round
      break;
    }
  }
}

TEST_F(RecoveryTest, KilledWhileResolving) {
  for (const int at : {1, 2}) {
    SCOPED_TRACE(at);
    const auto before = generations->current_number();
    killed_after(Step::switched, {}, at == 1 ? "new" : "other");
    programs.programs.at("console").shared.generation = before;
    killed_in([&] {
      programs.asked = 0;
      programs.on_status = [at](int asked) {
        if (asked == at) ::raise(SIGKILL);
      };
      (void)resolve();
    });
    programs.on_status = {};
    const auto resolution = resolve();
    ASSERT_TRUE(resolution);
    EXPECT_TRUE(resolution->committed);
    wholly(before + 1);
  }
}

TEST_F(RecoveryTest, ForeignFilesFollowTheResolution) {
  shop.write("cacerts", "one");
  const auto foreign_plan = [&](const std::string& identity) {
    change::Plan plan = replace_plan(identity);
    plan.foreign.push_back({.path = shop.path("cacerts"),
                            .expected_sha256 = sha256_hex(view_of("one")),
                            .bytes = secret_copy(std::string_view("two"))});
    return plan;
  };
  const auto kill_at_switch = [&](const std::string& identity) {
    killed_in([&] {
      (void)change::Transaction(workplace([](Step step) {
        if (step == Step::switched) ::raise(SIGKILL);
      })).run(foreign_plan(identity), cause());
    });
  };
  kill_at_switch("new");
  EXPECT_EQ("two", shop.text("cacerts"));
  programs.programs.at("engine").shared.refuse_activate = 1;
  EXPECT_FALSE(resolve()->committed);
  EXPECT_EQ("one", shop.text("cacerts"));
  wholly(1);

  kill_at_switch("other");
  shop.write("cacerts", "by hand");
  programs.programs.at("engine").shared.refuse_activate = 1;
  try {
    (void)resolve();
    ADD_FAILURE() << "nothing was thrown";
  } catch (const Failure& failure) {
    EXPECT_EQ("foreign-changed", failure.code());
    EXPECT_TRUE(failure.needs_person());
  }
  EXPECT_EQ("by hand", shop.text("cacerts"));
  EXPECT_FALSE(resolve());
  wholly(1);
}

// Killed after every step: what is resolved is all or nothing, also outside the state.
TEST_F(RecoveryTest, FilesOutsideAreAllOrNothingAfterAKillAtEveryStep) {
  for (const Step step :
       {Step::staged, Step::backed_up, Step::prepared, Step::switched, Step::activated, Step::probed}) {
    shop.write("cacerts", "one");
    shop.write("removed.crt", "removed");
    std::filesystem::remove(shop.path("added.crt"));
    const auto before = generations->current_number();
    killed_in([&] {
      change::Plan plan = replace_plan(before % 2 == 0 ? "other" : "new");
      plan.foreign.push_back({.path = shop.path("cacerts"),
                              .expected_sha256 = sha256_hex(view_of("one")),
                              .bytes = secret_copy(std::string_view("two"))});
      plan.foreign.push_back(
          {.path = shop.path("added.crt"), .expected_sha256 = "", .bytes = secret_copy(std::string_view("added"))});
      plan.foreign.push_back(
          {.path = shop.path("removed.crt"), .expected_sha256 = sha256_hex(view_of("removed")), .bytes = std::nullopt});
      (void)change::Transaction(workplace([step](Step reached) {
        if (reached == step) ::raise(SIGKILL);
      })).run(std::move(plan), cause());
    });
    const auto resolution = resolve();
    const bool forward = resolution && resolution->committed;
    EXPECT_EQ(step == Step::switched || step == Step::activated || step == Step::probed, forward)
        << change::to_text(step);
    EXPECT_EQ(forward ? "two" : "one", shop.text("cacerts")) << change::to_text(step);
    EXPECT_EQ(forward, std::filesystem::exists(shop.path("added.crt"))) << change::to_text(step);
    EXPECT_EQ(!forward, std::filesystem::exists(shop.path("removed.crt"))) << change::to_text(step);
    wholly(generations->current_number());
  }
}

TEST_F(RecoveryTest, ConsumersThatAreStoppedReadWhatIsInForceLater) {
  add_consumer();
  killed_after(Step::switched);
  consumer_server.reset();  // the machine has just started, and nothing runs yet
  stop_programs();
  consumers.refuse = 99;
  const auto resolution = resolve();
  ASSERT_TRUE(resolution);
  EXPECT_TRUE(resolution->committed) << resolution->explanation;
  wholly(3);
}

TEST_F(RecoveryTest, ConsumersThatRunComeAlong) {
  add_consumer();
  killed_after(Step::switched);
  EXPECT_TRUE(resolve()->committed);
  EXPECT_EQ(1, consumers.reloads);
  wholly(3);
}

TEST_F(RecoveryTest, AJournalThatFitsNothingNeedsAPerson) {
  backup::Journal(*state).write({.from = 7,
                                 .to = 8,
                                 .step = "prepared",
                                 .cause = cause(),
                                 .identities = {},
                                 .programs = {},
                                 .consumers = {},
                                 .foreign = {},
                                 .backup_set = ""});
  EXPECT_EQ("journal-invalid", code_of([&] { (void)resolve(); }));
  EXPECT_EQ("in-doubt", code_of([&] { (void)run(replace_plan()); }));
  shop.write("state/change.json", "{");
  EXPECT_EQ("journal-invalid", code_of([&] { (void)resolve(); }));
  EXPECT_EQ(1U, generations->current_number());
}

}  // namespace
}  // namespace chancery::test
