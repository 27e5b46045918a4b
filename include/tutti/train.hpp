// SPDX-License-Identifier: BSL-1.0
// Every way to train on several ranks, and the optimisers for it. A header of its own, since data parallel training
// with sgd or adam needs no more than tutti.hpp.
#pragma once

#include <tutti/shard.hpp>

#include <tutti/train/aggregate.hpp>
#include <tutti/train/block_coordinate.hpp>
#include <tutti/train/clip_by_value.hpp>
#include <tutti/train/clip_placed.hpp>
#include <tutti/train/clip_shards.hpp>
#include <tutti/train/compress.hpp>
#include <tutti/train/data_parallel.hpp>
#include <tutti/train/early_stop.hpp>
#include <tutti/train/gossip.hpp>
#include <tutti/train/grad_health.hpp>
#include <tutti/train/guard_step.hpp>
#include <tutti/train/init.hpp>
#include <tutti/train/learning_rate.hpp>
#include <tutti/train/local_sgd.hpp>
#include <tutti/train/lr_sweep.hpp>
#include <tutti/train/matmul.hpp>
#include <tutti/train/memory_of.hpp>
#include <tutti/train/optimizer.hpp>
#include <tutti/train/overlapped.hpp>
#include <tutti/train/parameter_server.hpp>
#include <tutti/train/penalty.hpp>
#include <tutti/train/pipeline.hpp>
#include <tutti/train/pipeline_chart.hpp>
#include <tutti/train/plan_memory.hpp>
#include <tutti/train/scheduled.hpp>
#include <tutti/train/split_cross_entropy.hpp>
#include <tutti/train/sync_batch_stats.hpp>
#include <tutti/train/tensor.hpp>
#include <tutti/train/verify_replicas.hpp>
#include <tutti/train/zero.hpp>
#include <tutti/train/zero_state.hpp>
