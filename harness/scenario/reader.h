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
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "harness/scenario/diagnostic.h"
#include "harness/scenario/document.h"
#include "lib/base/result.h"

namespace snaphammer::scenario {

/// The functions that steps can name.
class KnownSymbols {
 public:
  virtual ~KnownSymbols() = default;
  /// An error, with the nearest name, when `program` (a workload's, or "kernel") has no such function. Of a program that
  /// is not known, every symbol may be there.
  virtual Result<void> expect(const std::string& program, const std::string& symbol) const = 0;
};

struct ReadOptions {
  /// Whether what cannot be carried out (a step without an executor, a value that no backend has, a step where it cannot
  /// work) is an error. Off only to check the format as such.
  bool require_available = true;
  /// Of the default guest image; without it, names of symbols are judged by the run that looks for them.
  std::shared_ptr<const KnownSymbols> symbols = {};
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
  /// What is wrong with `node`, after the path of the place.
  bool invalid(const Node& node, std::string_view why, std::string advice = {});

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
  /// The same of names that may be given again, by whoever judges that elsewhere.
  void know(std::string_view space, const std::string& name, Position where);
  /// Checks that an earlier step has declared `name`. `word` could stand there, too.
  bool refer(std::string_view space, const std::string& name, Position where, const std::string& word = {});
  /// A step could not be read: any name may be one that it declares.
  void miss_names() { misses_names_ = true; }
  /// Checks, when all was read, that any step has declared `name`.
  void refer_to_any(std::string_view space, const std::string& name, Position where);
  /// All was read.
  void settle();
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
  struct Reference {
    std::string space;
    std::string name;
    Position where;
  };

  std::string file_;
  std::string_view text_;
  ReadOptions options_;
  std::string path_;
  std::vector<Diagnostic> diagnostics_;
  std::map<std::string, std::vector<Name>, std::less<>> names_;
  std::vector<Reference> unsettled_;
  bool misses_names_ = false;
};

}  // namespace snaphammer::scenario
