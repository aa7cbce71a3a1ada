// Every phase of every sequence: what bringing a guest up, pausing and restoring it consist of, in order.
//
// A phase has two points, "<sequence>.<name>:before" and "<sequence>.<name>:after", at which a PhaseObserver is told, a
// fault can act and a sequence can be aborted. A boot goes on, after its resume, as a restore does.
#pragma once

#include <array>
#include <string>
#include <string_view>

namespace snaphammer::sandbox {

struct PhaseId {
  std::string_view sequence;
  std::string_view name;
  std::string_view meaning;

  /// "<sequence>.<name>"
  std::string path() const { return std::string(sequence) + "." + std::string(name); }
  std::string before() const { return path() + ":before"; }
  std::string after() const { return path() + ":after"; }
};

namespace phases {

inline constexpr PhaseId kBootVmm{"boot", "vmm", "the VMM process is started, its vCPUs stopped"};
inline constexpr PhaseId kBootDoor{"boot", "door", "the vsock door is opened and the agent's output listened for"};
inline constexpr PhaseId kBootResume{"boot", "resume", "vCPUs begin to run the kernel"};

inline constexpr PhaseId kEndPrevious{"restore", "end-previous", "the guest that ran before is ended"};
inline constexpr PhaseId kHandler{"restore", "handler", "the page-fault handler listens for the hand-off"};
inline constexpr PhaseId kVmm{"restore", "vmm", "the VMM process is started with empty memory"};
inline constexpr PhaseId kHandOff{"restore", "hand-off", "the page-fault handler has been given the VMM's memory"};
inline constexpr PhaseId kDoor{"restore", "door", "the vsock door is opened and the agent's output listened for"};
inline constexpr PhaseId kLoad{"restore", "load", "device and vCPU state are loaded"};
inline constexpr PhaseId kResume{"restore", "resume", "vCPUs run"};

inline constexpr PhaseId kReady{"restore", "ready", "the agent has confirmed its listener and connected its output"};
inline constexpr PhaseId kDeflate{"restore", "deflate-balloon",
                                  "the guest has got back the memory that the pause took"};
inline constexpr PhaseId kInit{"restore", "init", "the agent has got the time, entropy and its identity"};
inline constexpr PhaseId kHealth{"restore", "health", "the agent has answered a health check"};
inline constexpr PhaseId kFirstExec{"restore", "first-exec", "a command has run in the guest"};

inline constexpr PhaseId kRefuseOperations{"pause", "refuse-operations",
                                           "new operations on the guest and new proxied connections are refused"};
inline constexpr PhaseId kDrainConnections{"pause", "drain-connections",
                                           "operations and proxied connections have ended, or had their time to"};
inline constexpr PhaseId kForceClose{"pause", "force-close", "those that were left have been ended"};
inline constexpr PhaseId kPrepare{"pause", "prepare", "the guest is quiesced: workloads stand still"};
inline constexpr PhaseId kDropPageCache{"pause", "drop-page-cache", "the guest has dropped its page cache"};
inline constexpr PhaseId kInflate{"pause", "inflate-balloon", "the guest has given up the memory that it can spare"};
inline constexpr PhaseId kFreeze{"pause", "freeze", "all vCPUs stop"};
inline constexpr PhaseId kSettle{"pause", "settle-memory", "page faults and REMOVE events under way are finished"};
inline constexpr PhaseId kSaveState{"pause", "save-state", "device and vCPU state are written"};
inline constexpr PhaseId kStoreMemory{"pause", "store-memory", "guest memory is written"};
inline constexpr PhaseId kThaw{"pause", "thaw", "vCPUs run again"};
inline constexpr PhaseId kGiveBack{"pause", "deflate-balloon", "the guest has got that memory back"};
inline constexpr PhaseId kUnquiesce{"pause", "unquiesce", "the guest goes on with its work"};
inline constexpr PhaseId kPublish{"pause", "publish", "the snapshot is on disk and gets its name"};

}  // namespace phases

inline constexpr std::array kPhases = {
    phases::kBootVmm,
    phases::kBootDoor,
    phases::kBootResume,
    phases::kEndPrevious,
    phases::kHandler,
    phases::kVmm,
    phases::kHandOff,
    phases::kDoor,
    phases::kLoad,
    phases::kResume,
    phases::kReady,
    phases::kDeflate,
    phases::kInit,
    phases::kHealth,
    phases::kFirstExec,
    phases::kRefuseOperations,
    phases::kDrainConnections,
    phases::kForceClose,
    phases::kPrepare,
    phases::kDropPageCache,
    phases::kInflate,
    phases::kFreeze,
    phases::kSettle,
    phases::kSaveState,
    phases::kStoreMemory,
    phases::kThaw,
    phases::kGiveBack,
    phases::kUnquiesce,
    phases::kPublish,
};

}  // namespace snaphammer::sandbox
