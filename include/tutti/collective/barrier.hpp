// SPDX-License-Identifier: BSL-1.0
// barrier: nobody leaves before everyone has come.
#pragma once

#include <array>
#include <cstddef>

#include <tutti/collective/arguments.hpp>

namespace tutti::inline TUTTI_ABI {

/// Returns once every rank has entered its call. Throws error as any collective does.
template <transport::streams S>
void barrier(basic_communicator<S>& comm, options how = {}) {
  std::array<std::byte, 1> token{};
  engine::operation op = detail::reduction_on<std::byte>(plan::collective::barrier, -1, bit_or);
  op.op = 0;
  op.count = 1;
  op.output = token;
  comm.engine().run(op, how);
}

}  // namespace tutti::inline TUTTI_ABI
