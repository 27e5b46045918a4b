// SPDX-License-Identifier: BSL-1.0
// What precompiled/tests.hpp declares and every test program shares: the parts that are the same whatever is tested.
#include "precompiled/tests.hpp"

// doctest itself: the precompiled header has seen it without this macro, and only its second half reads it again.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

namespace tutti::inline TUTTI_ABI {
namespace group {
template std::shared_ptr<tcp_world> join_world<on_use>(join_options const&);
template communicator world_of_one<on_use>(join_options const&);
template bool complete_from<on_use>(detail::environment_lookup const&, join_options&);
template communicator make_world<transport::any>(std::shared_ptr<tcp_world> const&, join_options const&);
template communicator make_world<transport::any>(std::shared_ptr<local_world> const&,
                                                 std::shared_ptr<transport::local_hub> const&, int,
                                                 join_options const&);
}  // namespace group
namespace detail {
template run_arguments take_arguments<on_use>(int&, char**, join_options&);
#if !defined(_WIN32)
template int start_workers<on_use>(int, bool, patience, std::string const&, become const&);
#endif
}  // namespace detail
template communicator join<on_use>(join_options);
}  // namespace tutti::inline TUTTI_ABI
