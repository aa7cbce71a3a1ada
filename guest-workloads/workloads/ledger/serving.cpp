#include "guest-workloads/workloads/ledger/serving.h"

#include <cstdio>

namespace snaphammer::ledger {
namespace {

using namespace std::chrono_literals;
using workload::JsonObject;

constexpr auto kBeatEvery = 1s;
constexpr char kAnswered[] = "answered";
constexpr char kExecuted[] = "executed";

}  // namespace

Serving::Serving(const Options& options, int commands)
    : options_(options),
      book_(options.repeats == kExecuted ? Book::Repeats::kExecuted : Book::Repeats::kAnswered),
      file_(options.file),
      server_(options_, book_, file_),
      stillness_(server_.mutex(), std::defer_lock),
      commands_(commands, output_, {.quiesce = [this] { quiesce(); }, .resume = [this] { resume(); }}) {}

std::string Serving::run() {
  if (options_.repeats != kAnswered && options_.repeats != kExecuted) {
    return "--repeats " + options_.repeats + ": expected answered or executed";
  }
  if (std::string wrong = file_.load(book_); !wrong.empty()) return wrong;
  if (std::string wrong = server_.start(); !wrong.empty()) return wrong;
  output_.write(JsonObject("ready").add("port", options_.port).add("vsock", options_.vsock).line());
  output_.flush();
  do {
    answer_checks();
    beat_when_due();
  } while (commands_.serve_until_check(workload::Commands::Clock::now() + kBeatEvery));
  if (stillness_) stillness_.unlock();  // The server ends by itself.
  return "";
}

void Serving::quiesce() {
  if (!stillness_) stillness_.lock();
  if (const std::string wrong = file_.sync(book_); !wrong.empty()) std::fprintf(stderr, "ledger: %s\n", wrong.c_str());
}

void Serving::resume() {
  if (stillness_) stillness_.unlock();
}

void Serving::answer_checks() {
  if (commands_.checks_waiting() == 0) return;
  const bool quiesced = stillness_.owns_lock();
  if (!quiesced) stillness_.lock();
  for (const Book::Position position : book_.damaged()) {
    if (!reported_.insert(position).second) continue;
    const Book::Entry& entry = book_.entries()[position - 1];
    output_.write(workload::finding_line(
        "lost-write", "entry " + std::to_string(position) + " of the ledger is not what was entered",
        JsonObject().add("position", position).add("nonce", entry.nonce).add("digest", workload::hex(entry.digest))));
  }
  const std::string verdict = workload::verdict_line(reported_.empty(), counters());
  if (!quiesced) stillness_.unlock();
  for (; commands_.checks_waiting() != 0; commands_.check_answered()) {
    output_.write(verdict);
    output_.flush();
  }
}

void Serving::beat_when_due() {
  if (workload::Commands::Clock::now() - last_beat_ < kBeatEvery || commands_.quiesced()) return;
  last_beat_ = workload::Commands::Clock::now();
  stillness_.lock();
  const std::string beat = JsonObject("beat").add_all(counters()).line();
  stillness_.unlock();
  output_.write(beat);
  output_.flush();
}

JsonObject Serving::counters() const {
  return JsonObject()
      .add("entries", book_.entries().size())
      .add("repeated", book_.repeated())
      .add("clients", server_.clients())
      .add("recoveries", server_.recoveries())
      .add("damaged", reported_.size());
}

}  // namespace snaphammer::ledger
