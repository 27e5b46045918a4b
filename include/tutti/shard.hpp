// SPDX-License-Identifier: BSL-1.0
// Everything that cuts models among ranks, moves them from one cut to another, and keeps them on disk. A header of its
// own, since a program that trains whole replicas needs no more than tutti.hpp.
#pragma once

#include <tutti/tutti.hpp>

#include <tutti/shard/by_bytes.hpp>
#include <tutti/shard/by_rule.hpp>
#include <tutti/shard/by_tensor.hpp>
#include <tutti/shard/checkpoint.hpp>
#include <tutti/shard/flat_view.hpp>
#include <tutti/shard/gather_shards.hpp>
#include <tutti/shard/layout.hpp>
#include <tutti/shard/model_shard.hpp>
#include <tutti/shard/partition_model.hpp>
#include <tutti/shard/placement.hpp>
#include <tutti/shard/replicate.hpp>
#include <tutti/shard/reshard.hpp>
#include <tutti/shard/safetensors.hpp>
#include <tutti/shard/split_stages.hpp>
