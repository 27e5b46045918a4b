// SPDX-License-Identifier: BSL-1.0
// A second translation unit with the same headers: whatever is not inline is defined twice and fails to link.
#include <tutti/tutti.hpp>

char const* version_seen_by_other();
char const* version_seen_by_other() { return tutti::version(); }
