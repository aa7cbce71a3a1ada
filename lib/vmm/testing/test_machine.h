// Real guests for the tests of a backend: the image with the ticking init, in a directory that is gone afterwards.
//
//   TestMachine machine;
//   auto vm = machine.start();
//   machine.run(vm->resume());
//   machine.expect_ticking_on();
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "lib/base/testing/run_async.h"
#include "lib/vmm/qemu/qemu_backend.h"
#include "lib/vmm/vm.h"

namespace snaphammer::vmm {

class TestMachine {
 public:
  TestMachine();
  ~TestMachine();
  TestMachine(const TestMachine&) = delete;
  TestMachine& operator=(const TestMachine&) = delete;

  /// Why no guest can be booted here ("no network to download the kernel from"); empty when one can.
  static std::string unavailable();

  /// What start() and restore() use; change it before.
  VmConfig config;
  VmPlacement placement;
  QemuOptions options;

  /// Starts a VMM; a failure fails the test and throws.
  std::unique_ptr<Vm> start();
  /// The same for a restore: the memory is `ram`, with every page present, so that no page server is needed.
  std::unique_ptr<Vm> start_for_restore(const std::string& ram);
  /// A restored copy, stopped, of a guest with the default configuration that has begun to tick. It is booted once in
  /// a test program's life.
  std::unique_ptr<Vm> start_from_base();
  Result<std::unique_ptr<Vm>> try_start();

  /// Runs an operation to its end, which must come within 60 seconds.
  template <class T>
  Result<T> run(Async<T> operation) {
    return run_async(context_, with_deadline(std::chrono::seconds(60), "test", std::move(operation)));
  }

  /// All that the guest (and its firmware) has said.
  std::string console() const;
  /// Waits until the console says `text`.
  void await_console(const std::string& text);
  /// The counts that the ticking init has said so far, whole lines only.
  std::vector<unsigned long> ticks() const;
  /// Waits for some more counts, which must follow on the earlier ones without a gap or a repetition.
  void expect_ticking_on();

  std::filesystem::path path(const std::string& name) const { return placement.directory / name; }
  asio::io_context& context() { return context_; }

 private:
  /// Waits until `done` (asked after each change of the console) says yes.
  void await_console_that(const std::function<bool()>& done);

  asio::io_context context_;
};

/// The whole of a guest's memory.
std::string read_ram(const GuestRam& ram);

}  // namespace snaphammer::vmm
