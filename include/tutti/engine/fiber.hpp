// SPDX-License-Identifier: BSL-1.0
// A stack that can be left and entered again: what lets a call that waits give its thread back. The one platform file
// of the asynchronous calls (ucontext; on Windows, fibers).
#pragma once

#include <cstddef>
#include <cstdint>

#include <tutti/core/error.hpp>
#include <tutti/core/on_use.hpp>

#if defined(_WIN32)
#include <windows.h>
#else
#include <sys/mman.h>
#include <ucontext.h>
#include <csignal>
#endif

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TUTTI_FIBER_ASAN
#endif
#if __has_feature(thread_sanitizer)
#define TUTTI_FIBER_TSAN
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define TUTTI_FIBER_ASAN
#endif
#if defined(__SANITIZE_THREAD__)
#define TUTTI_FIBER_TSAN
#endif
#if defined(TUTTI_FIBER_ASAN)
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(TUTTI_FIBER_TSAN)
#include <sanitizer/tsan_interface.h>
#endif

namespace tutti::inline TUTTI_ABI::engine {

/// Runs `body(argument)`, which never returns, on a stack of its own. One thread at a time is inside, any thread may
/// be. No exception leaves the body, and it does not pause inside a catch block.
template <class = on_use>
class basic_fiber {
 public:
  /// Reserved, not used: a call touches a few pages of it. Below lies a page that traps.
  static constexpr std::size_t stack_size = std::size_t{512} << 10U;

  basic_fiber(void (*body)(void*), void* argument) : body_(body), argument_(argument) {
#if defined(_WIN32)
    fiber_ = ::CreateFiberEx(
        0, stack_size, 0, [](void* self) { enter(self); }, this);
    if (fiber_ == nullptr) throw error(error_kind::resource, "no memory left for an asynchronous call's stack");
#else
    void* const stack =
        ::mmap(nullptr, stack_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (stack == MAP_FAILED) throw error(error_kind::resource, "no memory left for an asynchronous call's stack");
    stack_ = static_cast<std::byte*>(stack);
    (void)::mprotect(stack_, guard_size, PROT_NONE);
    (void)::getcontext(&inside_);
    inside_.uc_stack.ss_sp = stack_ + guard_size;
    inside_.uc_stack.ss_size = stack_size - guard_size;
    inside_.uc_link = nullptr;
    auto const self = reinterpret_cast<std::uintptr_t>(this);  // makecontext passes only ints
    ::makecontext(&inside_, reinterpret_cast<void (*)()>(&basic_fiber::start), 2,
                  static_cast<unsigned>(self >> 16U >> 16U), static_cast<unsigned>(self & 0xffffffffU));
#endif
#if defined(TUTTI_FIBER_TSAN)
    tsan_inside_ = ::__tsan_create_fiber(0);
#endif
  }
  basic_fiber(basic_fiber const&) = delete;
  basic_fiber& operator=(basic_fiber const&) = delete;
  /// The body has paused for good: what is on its stack is forgotten.
  ~basic_fiber() {
#if defined(TUTTI_FIBER_TSAN)
    ::__tsan_destroy_fiber(tsan_inside_);
#endif
#if defined(_WIN32)
    ::DeleteFiber(fiber_);
#else
    (void)::munmap(stack_, stack_size);
#endif
  }

  /// From a thread: runs the body until it pauses.
  void resume() {
#if defined(TUTTI_FIBER_ASAN)
    void* fake = nullptr;
    ::__sanitizer_start_switch_fiber(&fake, stack_ + guard_size, stack_size - guard_size);
#endif
#if defined(TUTTI_FIBER_TSAN)
    tsan_outside_ = ::__tsan_get_current_fiber();
    ::__tsan_switch_to_fiber(tsan_inside_, 0);
#endif
#if defined(_WIN32)
    outside_ = ::IsThreadAFiber() ? ::GetCurrentFiber() : ::ConvertThreadToFiber(nullptr);
    ::SwitchToFiber(fiber_);
#else
    (void)::pthread_sigmask(SIG_SETMASK, nullptr, &inside_.uc_sigmask);  // signals stay with the thread, not the stack
    (void)::swapcontext(&outside_, &inside_);
#endif
#if defined(TUTTI_FIBER_ASAN)
    ::__sanitizer_finish_switch_fiber(fake, nullptr, nullptr);
#endif
  }

  /// From the body: returns from resume(); returns itself at the next resume(), perhaps on another thread.
  void pause() {
#if defined(TUTTI_FIBER_ASAN)
    void* fake = nullptr;
    ::__sanitizer_start_switch_fiber(&fake, outside_stack_, outside_size_);
#endif
#if defined(TUTTI_FIBER_TSAN)
    ::__tsan_switch_to_fiber(tsan_outside_, 0);
#endif
#if defined(_WIN32)
    ::SwitchToFiber(outside_);
#else
    (void)::swapcontext(&inside_, &outside_);
#endif
#if defined(TUTTI_FIBER_ASAN)
    ::__sanitizer_finish_switch_fiber(fake, &outside_stack_, &outside_size_);
#endif
  }

  /// Whether the caller runs on this fiber. (A question to the stack, since the fiber belongs to no thread.)
  [[nodiscard]] bool inside() const noexcept {
#if defined(_WIN32)
    return ::IsThreadAFiber() && ::GetCurrentFiber() == fiber_;
#else
    auto const here = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
    return here - reinterpret_cast<std::uintptr_t>(stack_) < stack_size;
#endif
  }

 private:
  static void enter(void* self) {
    auto& me = *static_cast<basic_fiber*>(self);
#if defined(TUTTI_FIBER_ASAN)
    ::__sanitizer_finish_switch_fiber(nullptr, &me.outside_stack_, &me.outside_size_);
#endif
    me.body_(me.argument_);
  }

  void (*body_)(void*);
  void* argument_;
#if defined(_WIN32)
  void* fiber_ = nullptr;
  void* outside_ = nullptr;
#else
  static constexpr std::size_t guard_size = std::size_t{16} << 10U;
  static void start(unsigned high, unsigned low) {
    enter(reinterpret_cast<void*>((static_cast<std::uintptr_t>(high) << 16U << 16U) | low));
  }
  std::byte* stack_ = nullptr;
  ucontext_t inside_{};
  ucontext_t outside_{};
#endif
#if defined(TUTTI_FIBER_ASAN)
  void const* outside_stack_ = nullptr;
  std::size_t outside_size_ = 0;
#endif
#if defined(TUTTI_FIBER_TSAN)
  void* tsan_inside_ = nullptr;
  void* tsan_outside_ = nullptr;
#endif
};
using fiber = basic_fiber<>;

}  // namespace tutti::inline TUTTI_ABI::engine

#undef TUTTI_FIBER_ASAN
#undef TUTTI_FIBER_TSAN
