// SPDX-License-Identifier: BSL-1.0
// The whole library, bottom layer first; what needs another library is a header of its own beside this one.
#pragma once

#include <tutti/core/bfloat16.hpp>
#include <tutti/core/element.hpp>
#include <tutti/core/error.hpp>
#include <tutti/core/half.hpp>
#include <tutti/core/located.hpp>
#include <tutti/core/mean.hpp>
#include <tutti/core/op.hpp>
#include <tutti/core/options.hpp>
#include <tutti/core/version.hpp>

#include <tutti/model/explain.hpp>
#include <tutti/model/serialisable.hpp>
#include <tutti/model/signature.hpp>
#include <tutti/model/tensor.hpp>
#include <tutti/model/visit.hpp>

#include <tutti/plan/choose.hpp>
#include <tutti/plan/plan.hpp>

#include <tutti/group/communicator.hpp>
#include <tutti/group/grid.hpp>
#include <tutti/group/join.hpp>
#include <tutti/group/launch.hpp>
#include <tutti/group/run.hpp>
#include <tutti/group/testing.hpp>

#include <tutti/collective/allgather.hpp>
#include <tutti/collective/allreduce.hpp>
#include <tutti/collective/alltoall.hpp>
#include <tutti/collective/barrier.hpp>
#include <tutti/collective/broadcast.hpp>
#include <tutti/collective/explain.hpp>
#include <tutti/collective/fused.hpp>
#include <tutti/collective/gather.hpp>
#include <tutti/collective/neighbour_exchange.hpp>
#include <tutti/collective/ragged.hpp>
#include <tutti/collective/reduce.hpp>
#include <tutti/collective/reduce_objects.hpp>
#include <tutti/collective/reduce_scatter.hpp>
#include <tutti/collective/scan.hpp>
#include <tutti/collective/scatter.hpp>
#include <tutti/collective/send.hpp>
#include <tutti/collective/shift.hpp>

#include <tutti/data/block.hpp>
#include <tutti/data/cyclic.hpp>
#include <tutti/data/partition.hpp>
#include <tutti/data/sampler.hpp>

#include <tutti/shard/replicate.hpp>

#include <tutti/train/adam.hpp>
#include <tutti/train/clip.hpp>
#include <tutti/train/data_parallel.hpp>
#include <tutti/train/loss.hpp>
#include <tutti/train/metric.hpp>
#include <tutti/train/sgd.hpp>
#include <tutti/train/train_step.hpp>
