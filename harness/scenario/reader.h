// The state of reading one scenario: all errors so far, where in the scenario we are, and the names that its
// parts give to each other.
//
//   Reader reader("a.yaml", text, {});
//   read(reader, document.root, scenario);
//   if (!reader.diagnostics().empty()) ...
//
// One reader reads one tree, on one thread.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "harness/scenario/diagnostic.h"
#include "harness/scenario/document.h"

namespace snaphammer::scenario {

struct ReadOptions {
  /// Whether what this build does not implement (a step without an executor, a value that no backend has) is an
  /// error. Off only to check the format as such.
  bool require_available = true;
};

class Reader {
 public:
  Reader(std::string file, std::string_view text, ReadOptions options)
      : file_(std::move(file)), text_(text), options_(options) {}

  const ReadOptions& options() const { return options_; }
  const std::vector<Diagnostic>& diagnostics() const { return diagnostics_; }

  /// Records an error and returns false, so that a parser can `return reader.fail(...)`.
  bool fail(Position where, std::string message, std::string advice = {});
  bool fail(const Node& at, std::string message, std::string advice = {}) {
    return fail(at.where, std::move(message), std::move(advice));
  }
  /// "expected `what`, got ..." at `node`, with the path of the place.
  bool expected(const Node& node, std::string_view what, std::string advice = {});

  /// The path of the place being read, as a matrix would name it: "runtime.uffd". Empty at the top.
  const std::string& path() const { return path_; }
  /// Extends path() while it lives.
  class Within {
   public:
    Within(Reader& reader, std::string_view segment);
    ~Within() { reader_.path_.resize(length_); }
    Within(const Within&) = delete;
    Within& operator=(const Within&) = delete;

   private:
    Reader& reader_;
    std::size_t length_;
  };

  /// Names that one step gives and later ones use: `space` says of what ("snapshot", "workload" ...).
  void declare(std::string_view space, const std::string& name, Position where);
  /// Checks that an earlier step has declared `name`.
  bool refer(std::string_view space, const std::string& name, Position where);
  /// After this `name` may be declared again; it stays known.
  void release(std::string_view space, const std::string& name);
  /// The names declared so far, in order.
  std::vector<std::string> declared(std::string_view space) const;

 private:
  struct Name {
    std::string name;
    Position where;
    bool released = false;
  };

  std::string file_;
  std::string_view text_;
  ReadOptions options_;
  std::string path_;
  std::vector<Diagnostic> diagnostics_;
  std::map<std::string, std::vector<Name>, std::less<>> names_;
};

}  // namespace snaphammer::scenario
