// The transaction: what commits, and a fault injected at every step. Each negative test ends with wholly(N).

#include <sys/resource.h>

#include <csignal>
#include <filesystem>

#include "tests/change/bench.h"

namespace chancery::test {
namespace {

using change::Step;
using change::Transaction;

const std::vector<Step> all_steps{Step::preflighted, Step::staged,    Step::backed_up, Step::prepared,
                                  Step::switched,    Step::activated, Step::probed};

class TransactionTest : public Bench {
 protected:
  // After a way back that needs a person the stage is kept, since somebody may serve it still; whoever takes the lock
  // next sweeps it.
  void settled(backup::GenerationNumber number) {
    EXPECT_EQ(number, generations->current_number());
    EXPECT_FALSE(change::resolve_change_in_doubt(workplace()));
    wholly(number);
  }

  // Runs a replacement that has to fail; returns the Failure.
  Failure failing(change::Plan plan, std::function<void(Step)> on_step = {}) {
    try {
      (void)Transaction(workplace(std::move(on_step))).run(std::move(plan), cause());
    } catch (const Failure& failure) {
      EXPECT_FALSE(failure.hint().empty());
      return failure;
    }
    ADD_FAILURE() << "it did not fail";
    return Failure({.code = "none", .subject = "", .cause = "", .hint = "-"});
  }
};

TEST_F(TransactionTest, AReplacementIsServedProvenBackedUpAndTimed) {
  const change::Outcome outcome = run(replace_plan());
  EXPECT_EQ(Step::committed, outcome.step);
  EXPECT_EQ(2U, outcome.generation);
  wholly(2);
  EXPECT_EQ(Pki::instance().identity("new").leaf.fingerprint(), leaf_of(2, "engine"));
  EXPECT_EQ(Pki::instance().identity("old").leaf.fingerprint(), leaf_of(2, "engine-collector"));
  ASSERT_EQ(3U, outcome.proofs.size());  // console, engine, engine-api; not the collectors' port
  for (const auto& proof : outcome.proofs) {
    EXPECT_TRUE(proof.ok) << proof.endpoint;
    EXPECT_EQ(leaf_of(2), proof.sha256);
  }
  ASSERT_EQ(7U, outcome.milliseconds.size());
  EXPECT_EQ(Step::staged, outcome.milliseconds.front().first);
  EXPECT_EQ(Step::committed, outcome.milliseconds.back().first);
  ASSERT_EQ(1U, sets->ids().size());
  EXPECT_EQ(outcome.backup_set, sets->ids().front());
  EXPECT_TRUE(sets->summary(outcome.backup_set).verified);
  EXPECT_EQ(1U, sets->summary(outcome.backup_set).generation);
  EXPECT_EQ((std::vector<std::string>{"console", "engine", "trust/appliance"}),
            sets->summary(outcome.backup_set).components);
}

TEST_F(TransactionTest, NothingToChangeMakesNoGeneration) {
  EXPECT_TRUE(replace_plan("old").edits.contains("trust/appliance/known.pem"));  // the intermediate is new to it
  (void)run(replace_plan("old"));
  const change::Outcome outcome = run(replace_plan("old"));
  EXPECT_EQ(Step::preflighted, outcome.step);
  EXPECT_EQ(2U, outcome.generation);
  wholly(2);
}

TEST_F(TransactionTest, ARefusedReportStagesNothing) {
  change::Plan plan = replace_plan();
  plan.report.add("expired", "portal.pem", "expired", "renew it");
  const change::Outcome outcome = run(std::move(plan));
  EXPECT_EQ(Step::preflighted, outcome.step);
  EXPECT_TRUE(sets->ids().empty());
  EXPECT_EQ(0, programs.asked);
  wholly(1);
}

TEST_F(TransactionTest, StoppedProgramsAreProvenOffline) {
  stop_programs();
  const change::Outcome outcome = run(replace_plan());
  EXPECT_EQ(Step::committed, outcome.step);
  for (const auto& proof : outcome.proofs) {
    EXPECT_TRUE(proof.ok);
    EXPECT_NE(std::string::npos, proof.endpoint.find("offline")) << proof.endpoint;
  }
  wholly(2);
}

TEST_F(TransactionTest, AProgramStartedMeanwhileComesAlong) {
  programs.programs.at("engine").shared.is_running = false;
  const change::Outcome outcome = Transaction(workplace([&](Step step) {
                                    if (step != Step::prepared) return;
                                    programs.programs.at("engine").shared.generation =
                                        1;  // started, and loaded what was in force then
                                    programs.programs.at("engine").shared.is_running = true;
                                  })).run(replace_plan(), cause());
  EXPECT_EQ(Step::committed, outcome.step);
  wholly(2);
}

TEST_F(TransactionTest, AChangeOfTrustReachesEveryProgramWithoutAProbe) {
  const preflight::BundleAnswer answer{.report = {}, .fresh = {Pki::instance().stranger()}, .present = {}};
  const change::Outcome outcome = run(change::plan_trust_append(generations->current(), appliance, answer));
  EXPECT_EQ(Step::committed, outcome.step);
  EXPECT_TRUE(outcome.proofs.empty());
  wholly(2);
}

TEST_F(TransactionTest, ThePlanMustBeFromWhatIsInForce) {
  change::Plan late = replace_plan("other");
  (void)run(replace_plan("new"));
  EXPECT_EQ("state-changed", failing(std::move(late)).code());
  wholly(2);
}

TEST_F(TransactionTest, EditsByHandAreNotBuried) {
  shop.write("state/current/identities/engine/intermediate.crt", "");
  EXPECT_EQ("drift", failing(replace_plan()).code());
  EXPECT_EQ(1U, generations->current_number());
  EXPECT_EQ(1U, generations->list().back());
}

TEST_F(TransactionTest, AThrowAfterAnyStepLeavesTheOldState) {
  for (const Step step : all_steps) {
    SCOPED_TRACE(change::to_text(step));
    const std::size_t sets_before = sets->ids().size();
    bool rolled_back = false;
    const Failure failure = failing(replace_plan(), [&](Step reached) {
      rolled_back = rolled_back || reached == Step::rolled_back;
      if (reached == step) throw Failure({.code = "injected", .subject = "test", .cause = "injected", .hint = "none"});
    });
    EXPECT_EQ("injected", failure.code());
    EXPECT_FALSE(failure.needs_person());
    EXPECT_TRUE(rolled_back);
    wholly(1);
    const bool was_in_force = step == Step::switched || step == Step::activated || step == Step::probed;
    EXPECT_EQ(sets_before + (was_in_force ? 1 : 0), sets->ids().size());
    EXPECT_EQ(was_in_force, failure.cause().find("generation 1 is in force again") != std::string::npos);
  }
  EXPECT_EQ(Step::committed, run(replace_plan()).step);
  wholly(generations->current_number());
}

TEST_F(TransactionTest, AProgramThatRefusesToPrepareStopsTheChange) {
  for (const char* program : {"console", "engine"}) {
    programs.programs.at(program).shared.refuse_prepare = 1;
    const Failure failure = failing(replace_plan());
    EXPECT_EQ("bad-profile", failure.code());
    EXPECT_EQ(program, failure.subject());
    EXPECT_GT(programs.abandoned[program], 0);
    EXPECT_TRUE(sets->ids().empty());
    wholly(1);
  }
  EXPECT_EQ(0, programs.programs.at("console").shared.activations);
}

TEST_F(TransactionTest, AProgramThatRefusesToActivateBringsEverythingBack) {
  for (const char* program : {"console", "engine"}) {
    programs.programs.at(program).shared.refuse_activate = 1;
    const Failure failure = failing(replace_plan());
    EXPECT_EQ("too-many-files", failure.code());
    EXPECT_FALSE(failure.needs_person());
    wholly(1);
  }
}

TEST_F(TransactionTest, AProgramThatCannotComeBackIsNamed) {
  programs.programs.at("engine").shared.refuse_activate = 2;  // forward, and back
  const Failure failure = failing(replace_plan());
  EXPECT_EQ("rollback-incomplete", failure.code());
  EXPECT_TRUE(failure.needs_person());
  EXPECT_EQ("engine", failure.subject());
  settled(1);  // it never left: its own status says so
}

TEST_F(TransactionTest, ASilentProgramStopsTheChangeBeforeAnything) {
  programs.programs.at("engine").shared.is_silent = true;
  EXPECT_EQ("program-silent", failing(replace_plan()).code());
  EXPECT_TRUE(sets->ids().empty());
  programs.programs.at("engine").shared.is_silent = false;
  wholly(1);
}

TEST_F(TransactionTest, AProgramThatShowsAnotherLeafBringsEverythingBack) {
  Shared& engine = programs.programs.at("engine").shared;
  engine.stuck_at = 1;
  const Failure failure = failing(replace_plan());
  EXPECT_EQ("probe-failed", failure.code());
  EXPECT_FALSE(failure.needs_person());
  EXPECT_NE(std::string::npos, failure.cause().find(leaf_of(1)));
  engine.stuck_at = 0;
  wholly(1);
  EXPECT_EQ(1U, sets->ids().size());  // kept: the change was in force for a moment
}

TEST_F(TransactionTest, AProgramThatStopsServingAnEndpointBringsEverythingBack) {
  auto server = programs.programs.at("engine").endpoints.extract("engine-api");
  const Failure failure = failing(replace_plan());
  // Seen on the way back as well: it still does not serve it, and that needs a person.
  EXPECT_EQ("rollback-incomplete", failure.code());
  EXPECT_TRUE(failure.needs_person());
  programs.programs.at("engine").endpoints.insert(std::move(server));
  settled(1);
}

TEST_F(TransactionTest, ConsumersAreReloadedAndProven) {
  add_consumer();
  const change::Outcome outcome = run(replace_plan());
  EXPECT_EQ(Step::committed, outcome.step);
  EXPECT_EQ(1, consumers.reloads);
  EXPECT_NE(outcome.proofs.end(), std::find_if(outcome.proofs.begin(), outcome.proofs.end(), [](const auto& proof) {
              return proof.endpoint.starts_with("consumer mail 127.0.0.1:") && proof.ok;
            }));
  wholly(3);
  (void)run(replace_plan("other", {"console"}));
  EXPECT_EQ(1, consumers.reloads);  // it reads another identity
}

TEST_F(TransactionTest, AConsumerThatRefusesToReloadBringsEverythingBack) {
  add_consumer();
  consumers.refuse = 1;
  const Failure failure = failing(replace_plan());
  EXPECT_EQ("reload-failed", failure.code());
  EXPECT_FALSE(failure.needs_person());
  EXPECT_EQ(2, consumers.reloads);
  wholly(2);
}

TEST_F(TransactionTest, AConsumerThatCannotBeBroughtBackIsNamed) {
  add_consumer();
  consumers.refuse = 2;
  const Failure failure = failing(replace_plan());
  EXPECT_EQ("rollback-incomplete", failure.code());
  EXPECT_EQ("consumer mail", failure.subject());
  EXPECT_TRUE(failure.needs_person());
  settled(2);
}

TEST_F(TransactionTest, AConsumerThatReportsSuccessAndServesTheOldLeafBringsEverythingBack) {
  add_consumer();
  consumers.shared->stuck_at = 2;  // nginx#860
  const auto start = std::chrono::steady_clock::now();
  const Failure failure = failing(replace_plan());
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
  EXPECT_EQ("probe-failed", failure.code());
  EXPECT_TRUE(failure.subject().starts_with("consumer mail"));
  consumers.shared->stuck_at = 0;
  wholly(2);
}

TEST_F(TransactionTest, AConsumersMissingLineIsAFindingAndStopsAnyPlan) {
  shop.write("mail.conf", "# chain = /x\n");
  const change::Plan early = replace_plan();
  add_consumer({shop.path("mail.conf") + ":chain = /x"});
  change::Plan plan = replace_plan();
  EXPECT_TRUE(plan.report.has("consumer-config"));
  EXPECT_EQ(Step::preflighted, run(std::move(plan)).step);
  plan = replace_plan();
  plan.report = {};
  EXPECT_EQ("consumer-config", failing(std::move(plan)).code());
  wholly(2);
  shop.write("mail.conf", "  chain = /x  \n");
  EXPECT_EQ(Step::committed, run(replace_plan()).step);
  wholly(generations->current_number());
}

TEST_F(TransactionTest, AFullDiskLeavesTheOldState) {
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  struct sigaction ignore {};
  struct sigaction former {};
  ignore.sa_handler = SIG_IGN;
  ::sigaction(SIGXFSZ, &ignore, &former);
  for (const rlim_t size : {0, 40, 300, 900, 3000}) {
    SCOPED_TRACE(size);
    change::Plan plan = replace_plan();
    rlimit limit = before;
    limit.rlim_cur = size;
    ::setrlimit(RLIMIT_FSIZE, &limit);
    const Failure failure = failing(std::move(plan));
    ::setrlimit(RLIMIT_FSIZE, &before);
    EXPECT_FALSE(failure.needs_person());
    EXPECT_TRUE(sets->ids().empty());
    wholly(1);
  }
  ::sigaction(SIGXFSZ, &former, nullptr);
}

TEST_F(TransactionTest, ForeignFilesGoForthAndBackAndAreNeverClobbered) {
  const auto foreign_plan = [&](const std::string& bytes, const std::string& expected) {
    change::Plan plan = replace_plan(bytes == "two" ? "new" : "other");
    plan.foreign.push_back({.path = shop.path("cacerts"),
                            .expected_sha256 = expected.empty() ? "" : sha256_hex(view_of(expected)),
                            .bytes = secret_copy(std::string_view(bytes))});
    return plan;
  };
  shop.write("cacerts", "one");
  EXPECT_EQ("foreign-changed", failing(foreign_plan("two", "zero")).code());
  EXPECT_EQ("one", shop.text("cacerts"));
  wholly(1);

  EXPECT_EQ(Step::committed, run(foreign_plan("two", "one")).step);
  EXPECT_EQ("two", shop.text("cacerts"));
  wholly(2);

  Shared& engine = programs.programs.at("engine").shared;
  engine.stuck_at = 2;
  EXPECT_EQ("probe-failed", failing(foreign_plan("three", "two")).code());
  EXPECT_EQ("two", shop.text("cacerts"));
  engine.stuck_at = 0;
  wholly(2);

  // Somebody changes it between the switch and the way back: left alone, and a person is told.
  const Failure failure = failing(foreign_plan("three", "two"), [&](Step step) {
    if (step != Step::activated) return;
    shop.write("cacerts", "by hand");
    throw Failure({.code = "injected", .subject = "", .cause = "injected", .hint = "none"});
  });
  EXPECT_EQ("foreign-changed", failure.code());
  EXPECT_TRUE(failure.needs_person());
  EXPECT_EQ("by hand", shop.text("cacerts"));
  EXPECT_EQ(2U, generations->current_number());
  EXPECT_EQ(leaf_of(2), served(programs.programs.at("engine").endpoints.at("engine")->port()));
}

// A fault at every step of a change that edits, adds and removes files outside the state: either all of it or nothing.
TEST_F(TransactionTest, FilesOutsideFollowTheChangeWhateverStepFails) {
  const auto plan = [&] {
    change::Plan made = replace_plan("new");
    made.foreign.push_back({.path = shop.path("cacerts"),
                            .expected_sha256 = sha256_hex(view_of("one")),
                            .bytes = secret_copy(std::string_view("two"))});
    made.foreign.push_back(
        {.path = shop.path("added.crt"), .expected_sha256 = "", .bytes = secret_copy(std::string_view("added"))});
    made.foreign.push_back(
        {.path = shop.path("removed.crt"), .expected_sha256 = sha256_hex(view_of("removed")), .bytes = std::nullopt});
    return made;
  };
  const auto outside = [&] {
    const auto text = [&](const char* name) {
      return std::filesystem::exists(shop.path(name)) ? shop.text(name) : std::string("-");
    };
    return text("cacerts") + " " + text("added.crt") + " " + text("removed.crt");
  };
  shop.write("cacerts", "one");
  std::filesystem::permissions(shop.path("cacerts"), std::filesystem::perms{0640});
  shop.write("removed.crt", "removed");
  for (const Step step : all_steps) {
    const Failure failure = failing(plan(), [&](Step reached) {
      if (reached == step) throw Failure({.code = "injected", .subject = "", .cause = "injected", .hint = "none"});
    });
    EXPECT_EQ("injected", failure.code()) << change::to_text(step);
    EXPECT_FALSE(failure.needs_person()) << change::to_text(step);
    EXPECT_EQ("one - removed", outside()) << change::to_text(step);
    wholly(1);
  }
  const change::Outcome outcome = run(plan());
  EXPECT_EQ(Step::committed, outcome.step);
  EXPECT_EQ("two added -", outside());
  EXPECT_EQ(std::filesystem::perms{0640}, std::filesystem::status(shop.path("cacerts")).permissions());
  wholly(outcome.generation);

  // The set that was made for it brings the files outside back as well, the one that was not there included.
  const backup::BackupSet set = sets->open(outcome.backup_set);
  const change::Plan back = change::plan_restore(generations->current(), appliance, outcome.backup_set, set.files(""),
                                                 set.summary().components, Pki::instance().knowledge(), cause().when);
  EXPECT_EQ(3U, back.foreign.size());
  EXPECT_EQ(Step::committed, run(back).step);
  EXPECT_EQ("one - removed", outside());
}

// Threat 49, before the rename: whichever of several files somebody changes, and in whichever step, theirs stays, ours are
// taken back, and a person is told.
TEST_F(TransactionTest, AFileThatSomebodyChangesBeforeTheRenameIsLeftAlone) {
  const auto plan = [&] {
    change::Plan made = replace_plan("new");
    for (const char* name : {"first", "second"}) {
      made.foreign.push_back({.path = shop.path(name),
                              .expected_sha256 = sha256_hex(view_of("one")),
                              .bytes = secret_copy(std::string_view("two"))});
    }
    return made;
  };
  for (const Step step : {Step::preflighted, Step::staged, Step::backed_up, Step::prepared}) {
    for (const std::string touched : {"first", "second"}) {
      shop.write("first", "one");
      shop.write("second", "one");
      const Failure failure = failing(plan(), [&](Step reached) {
        if (reached == step) shop.write(touched, "by hand");
      });
      EXPECT_EQ("foreign-changed", failure.code()) << change::to_text(step);
      EXPECT_TRUE(failure.needs_person()) << change::to_text(step);
      EXPECT_EQ("by hand", shop.text(touched)) << change::to_text(step);
      EXPECT_EQ("one", shop.text(touched == "first" ? "second" : "first")) << change::to_text(step);
      settled(1);
    }
  }
}

TEST(Steps, OnlyDeclaredTransitionsHappen) {
  std::vector<Step> steps = all_steps;
  steps.push_back(Step::committed);
  steps.push_back(Step::rolled_back);
  for (const Step from : steps) {
    EXPECT_EQ(from, change::step_from_text(change::to_text(from)));
    for (const Step to : steps) {
      const bool next = static_cast<int>(to) == static_cast<int>(from) + 1 && to != Step::rolled_back;
      const bool back = to == Step::rolled_back && from != Step::committed && from != Step::rolled_back;
      EXPECT_EQ(next || back, change::is_declared(from, to)) << change::to_text(from) << change::to_text(to);
      const std::string code = code_of([&] { (void)change::advance(from, to); });
      EXPECT_EQ(next || back ? "" : "undeclared-transition", code);
    }
  }
  EXPECT_EQ("journal-invalid", code_of([] { (void)change::step_from_text("elsewhere"); }));
}

}  // namespace
}  // namespace chancery::test
