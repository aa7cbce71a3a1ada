#include "harness/ledger/account.h"

#include <algorithm>
#include <utility>

namespace snaphammer::ledger {

void Account::answered(Life life, Nonce nonce, TimePoint when) {
  ++total_;
  if (life == life_) acknowledged_.try_emplace(nonce, when);
}

void Account::skipped(std::vector<Nonce> requests) {
  note("request-lost", "were neither answered nor failed: later ones of their connection were answered",
       std::move(requests));
}

void Account::answered_again(Nonce nonce) {
  note("request-duplicated", "were answered twice on one connection", {nonce});
}

void Account::garbled(Nonce nonce) { note("request-lost", "got something else than an answer", {nonce}); }

void Account::snapshot_taken(const std::string& id, TimePoint frozen) {
  std::map<Nonce, TimePoint>& kept = snapshots_[id] = acknowledged_;
  std::erase_if(kept, [&](const auto& entry) { return entry.second >= frozen; });
}

void Account::restore_ended(const std::string& id) {
  const auto snapshot = snapshots_.find(id);
  acknowledged_ = snapshot == snapshots_.end() ? std::map<Nonce, TimePoint>() : snapshot->second;
  ++life_;
  changing_ = false;
}

std::vector<Nonce> Account::due() const {
  std::vector<Nonce> nonces;
  nonces.reserve(acknowledged_.size());
  for (const auto& [nonce, when] : acknowledged_) nonces.push_back(nonce);
  return nonces;
}

std::vector<Defect> Account::judge(const std::vector<Nonce>& due, const std::vector<Nonce>& record) {
  look_for_lost(due, std::set<Nonce>(record.begin(), record.end()));
  look_for_duplicated(record);
  look_for_reordered(record);
  return std::exchange(defects_, {});
}

void Account::look_for_lost(const std::vector<Nonce>& due, const std::set<Nonce>& entered) {
  std::vector<Nonce> lost;
  std::copy_if(due.begin(), due.end(), std::back_inserter(lost), [&](Nonce nonce) { return !entered.contains(nonce); });
  note("request-lost", "were acknowledged and are not in the ledger", std::move(lost));
}

void Account::look_for_duplicated(const std::vector<Nonce>& record) {
  std::set<Nonce> seen;
  std::vector<Nonce> again;
  std::copy_if(record.begin(), record.end(), std::back_inserter(again),
               [&](Nonce nonce) { return !seen.insert(nonce).second; });
  note("request-duplicated", "were executed more than once", std::move(again));
}

// A client sends its requests in the order of their numbers, and again in that order when a connection fails; each
// connection hands them on in order. So first entries are in order too, whichever connections they came by.
void Account::look_for_reordered(const std::vector<Nonce>& record) {
  std::set<Nonce> seen;
  std::map<std::uint32_t, std::uint32_t> latest;
  std::vector<Nonce> late;
  for (const Nonce nonce : record) {
    if (!seen.insert(nonce).second) continue;
    const Request request = Request::of(nonce);
    std::uint32_t& number = latest[request.client];
    if (request.number < number) late.push_back(nonce);
    number = std::max(number, request.number);
  }
  note("request-reordered", "were executed after later ones of the same client", std::move(late));
}

void Account::note(std::string finding, std::string what, std::vector<Nonce> requests) {
  std::erase_if(requests, [&](Nonce nonce) { return !reported_[finding].insert(nonce).second; });
  if (!requests.empty()) defects_.push_back({std::move(finding), std::move(what), std::move(requests)});
}

}  // namespace snaphammer::ledger
