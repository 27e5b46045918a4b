// SPDX-License-Identifier: BSL-1.0
// What nearly every test includes, compiled once per build. (No #pragma once: it is compiled as a main file.)
#include <doctest/doctest.h>

#include <tutti/tutti.hpp>

// The control plane, the supervisor and the worlds are the same in every test: compiled once, in tests/instances.cpp.
namespace tutti::inline TUTTI_ABI {
namespace group {
extern template std::shared_ptr<tcp_world> join_world<on_use>(join_options const&);
extern template communicator world_of_one<on_use>(join_options const&);
extern template bool complete_from<on_use>(detail::environment_lookup const&, join_options&);
extern template communicator make_world<transport::any>(std::shared_ptr<tcp_world> const&, join_options const&);
extern template communicator make_world<transport::any>(std::shared_ptr<local_world> const&,
                                                        std::shared_ptr<transport::local_hub> const&, int,
                                                        join_options const&);
}  // namespace group
namespace detail {
extern template run_arguments take_arguments<on_use>(int&, char**, join_options&);
#if !defined(_WIN32)
extern template int start_workers<on_use>(int, bool, patience, std::string const&, become const&);
#endif
}  // namespace detail
extern template communicator join<on_use>(join_options);
}  // namespace tutti::inline TUTTI_ABI
