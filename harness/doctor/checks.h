// The checks, one function each; the list of them is in check.cpp. And what they share with others.
#pragma once

#include "harness/doctor/check.h"

namespace snaphammer::doctor {

// What a guest is run with: guest_checks.cpp
/// "7.2.22"; kUnfit, with what to do, where there is no QEMU.
Result<std::string> qemu_version(const Host& host);
Finding check_qemu(const Host& host);
Finding check_accelerator(const Host& host);
Finding check_interposer(const Host& host);
Finding check_guest_image(const Host& host);
Finding check_gdb(const Host& host);

// Memory of guests and who serves it: memory_checks.cpp
Finding check_userfaultfd(const Host& host);
Finding check_memfd(const Host& host);
Finding check_memory(const Host& host);
Finding check_huge_pages(const Host& host);

// Room for everything else: room_checks.cpp
Finding check_open_files(const Host& host);
Finding check_processes(const Host& host);
Finding check_results_space(const Host& host);
Finding check_cache_space(const Host& host);
Finding check_runtime_space(const Host& host);

}  // namespace snaphammer::doctor
