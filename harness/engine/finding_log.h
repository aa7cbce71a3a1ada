// The findings of one run: folded for the result, complete in a file.
//
//   FindingLog log(artifacts / "findings.jsonl");
//   log.add({.id = "stale-page", .oracle = "zp", .message = "...", .evidence = {...}});
//
// A defect may show on thousands of pages. Findings of one id and one oracle become one, with their count, the first
// message and the first kExamples pieces of evidence; every single one is a line of the file.
#pragma once

#include <filesystem>
#include <fstream>
#include <vector>

#include "harness/report/results.h"

namespace snaphammer::engine {

class FindingLog {
 public:
  static constexpr std::size_t kExamples = 8;

  explicit FindingLog(std::filesystem::path file) : path_(std::move(file)) {}

  void add(const report::Finding& finding);
  /// What was learnt of a finding after it was added: more of its message, and evidence beside its examples. Not in the
  /// file.
  void explain(const report::Finding& finding, const std::string& message, const nlohmann::json& evidence);
  bool empty() const { return findings_.empty(); }
  /// In the order in which each kind was first seen. Evidence is {"examples": [...], "all": "findings.jsonl"}.
  const std::vector<report::Finding>& findings() const { return findings_; }

 private:
  std::filesystem::path path_;
  std::ofstream file_;  // Opened with the first finding: a clean run leaves no empty file.
  std::vector<report::Finding> findings_;
};

}  // namespace snaphammer::engine
