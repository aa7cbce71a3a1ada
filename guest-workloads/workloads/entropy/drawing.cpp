#include "guest-workloads/workloads/entropy/drawing.h"

#include <chrono>
#include <cstdint>

namespace snaphammer::entropy {
namespace {

using namespace std::chrono_literals;
using workload::JsonObject;

constexpr auto kBeatEvery = 1s;

}  // namespace

Drawing::Drawing(const Options& options, int commands)
    : options_(options),
      commands_(commands, output_, {.resume = [this] { begin_life(); }}),
      record_(options.draws),
      generation_(workload::read_generation(options.identity)) {}

void Drawing::run() {
  say_ready();
  next_beat_ = Clock::now() + kBeatEvery;
  do {
    if (!commands_.quiesced()) draw();
    for (; commands_.checks_waiting() != 0; commands_.check_answered()) answer_check();
    if (!commands_.quiesced()) beat_when_due();
  } while (commands_.serve_until_check(Clock::now() + options_.pause));
}

void Drawing::draw() {
  look_for_new_generation();
  for (std::size_t source = 0; source < Sources::kNames.size(); ++source) {
    const std::string value = sources_.draw(source);
    if (record_.add(source, value)) continue;
    output_.write(workload::finding_line(
        "not-unique", std::string(Sources::kNames[source]) + " gave " + value + ", which was drawn before",
        JsonObject().add("source", Sources::kNames[source]).add("value", value).add("draws", record_.draws())));
    output_.flush();
  }
}

void Drawing::begin_life() {
  record_.begin_life();
  if (options_.generator == kReseeded) sources_.reseed();
}

void Drawing::look_for_new_generation() {
  std::string generation = workload::read_generation(options_.identity);
  if (generation == generation_) return;
  generation_ = std::move(generation);
  begin_life();
}

void Drawing::answer_check() {
  while (!commands_.quiesced() && !record_.complete()) draw();
  output_.write(workload::verdict_line(record_.repeated() == 0, counters().add("drawn", record_.told())));
  output_.flush();
}

void Drawing::say_ready() {
  output_.write(JsonObject("ready")
                    .add("generator", reinterpret_cast<std::uintptr_t>(sources_.generator()))
                    .add("generator_bytes", Sources::kGeneratorBytes)
                    .line());
  output_.flush();
}

void Drawing::beat_when_due() {
  if (Clock::now() < next_beat_) return;
  next_beat_ = Clock::now() + kBeatEvery;
  output_.write(JsonObject("beat").add_all(counters()).line());
  output_.flush();
}

JsonObject Drawing::counters() const {
  return JsonObject().add("draws", record_.draws()).add("repeated", record_.repeated()).add("lives", record_.lives());
}

}  // namespace snaphammer::entropy
