// SPDX-License-Identifier: BSL-1.0
// Everything that cuts data among ranks, finds out about it, and feeds epochs from it. A header of its own, since a
// program that trains on blocks needs no more than tutti.hpp.
#pragma once

#include <tutti/tutti.hpp>

#include <tutti/data/advise.hpp>
#include <tutti/data/block_cyclic.hpp>
#include <tutti/data/bootstrap.hpp>
#include <tutti/data/bounds.hpp>
#include <tutti/data/by_cost.hpp>
#include <tutti/data/by_hash.hpp>
#include <tutti/data/cached_source.hpp>
#include <tutti/data/covariance.hpp>
#include <tutti/data/cross_validate.hpp>
#include <tutti/data/csv_source.hpp>
#include <tutti/data/data_facts.hpp>
#include <tutti/data/dirichlet.hpp>
#include <tutti/data/exactly_once.hpp>
#include <tutti/data/exchange_rows.hpp>
#include <tutti/data/features.hpp>
#include <tutti/data/file_store.hpp>
#include <tutti/data/grouped.hpp>
#include <tutti/data/guarded.hpp>
#include <tutti/data/histogram.hpp>
#include <tutti/data/idx.hpp>
#include <tutti/data/item_keys.hpp>
#include <tutti/data/join_through.hpp>
#include <tutti/data/kfold.hpp>
#include <tutti/data/kv_store.hpp>
#include <tutti/data/locality.hpp>
#include <tutti/data/map_reduce.hpp>
#include <tutti/data/mapped_source.hpp>
#include <tutti/data/memory_source.hpp>
#include <tutti/data/moments.hpp>
#include <tutti/data/pack_clusters.hpp>
#include <tutti/data/parallel_map.hpp>
#include <tutti/data/partition_report.hpp>
#include <tutti/data/prefetch.hpp>
#include <tutti/data/quantiles.hpp>
#include <tutti/data/random.hpp>
#include <tutti/data/rebalance.hpp>
#include <tutti/data/redistribute.hpp>
#include <tutti/data/rendezvous_hash.hpp>
#include <tutti/data/repartition.hpp>
#include <tutti/data/select.hpp>
#include <tutti/data/sorted.hpp>
#include <tutti/data/stratified.hpp>
#include <tutti/data/synced_steps.hpp>
#include <tutti/data/tcp_store.hpp>
#include <tutti/data/text_source.hpp>
#include <tutti/data/token_ring.hpp>
#include <tutti/data/top_k.hpp>
#include <tutti/data/weighted.hpp>
#include <tutti/data/with_copies.hpp>
