#include "guest-workloads/workloads/entropy/record.h"

namespace snaphammer::entropy {

bool Record::add(std::size_t source, const std::string& value) {
  ++draws_;
  if (of_this_life_[source].size() < told_) of_this_life_[source].push_back(value);
  if (!known_.insert(value).second) {
    ++repeated_;
    return false;
  }
  in_order_.push_back(value);
  if (in_order_.size() > kRemembered) {
    known_.erase(in_order_.front());
    in_order_.pop_front();
  }
  return true;
}

void Record::begin_life() {
  for (auto& values : of_this_life_) values.clear();
  ++lives_;
}

bool Record::complete() const {
  bool all = true;
  for (const auto& values : of_this_life_) all = all && values.size() == told_;
  return all;
}

workload::JsonObject Record::told() const {
  workload::JsonObject json;
  for (std::size_t source = 0; source < of_this_life_.size(); ++source) {
    json.add(Sources::kNames[source], of_this_life_[source]);
  }
  return json;
}

}  // namespace snaphammer::entropy
