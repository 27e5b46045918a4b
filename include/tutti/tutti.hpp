// SPDX-License-Identifier: BSL-1.0
// The whole library, bottom layer first; what needs another library is a header of its own beside this one.
#pragma once

#include <tutti/core/bytes.hpp>
#include <tutti/core/element.hpp>
#include <tutti/core/error.hpp>
#include <tutti/core/hash.hpp>
#include <tutti/core/op.hpp>
#include <tutti/core/options.hpp>
#include <tutti/core/version.hpp>

#include <tutti/plan/allgather.hpp>
#include <tutti/plan/allreduce.hpp>
#include <tutti/plan/bracket.hpp>
#include <tutti/plan/broadcast.hpp>
#include <tutti/plan/choose.hpp>
#include <tutti/plan/gather.hpp>
#include <tutti/plan/plan.hpp>
#include <tutti/plan/reduce.hpp>
#include <tutti/plan/reduce_scatter.hpp>
#include <tutti/plan/scatter.hpp>
#include <tutti/plan/verify.hpp>
#include <tutti/plan/writer.hpp>
