// SPDX-License-Identifier: BSL-1.0
// Everything that cuts data among ranks, finds out about it, and feeds epochs from it. A header of its own, since a
// program that trains on blocks needs no more than tutti.hpp.
#pragma once

#include <tutti/data/covariance.hpp>
#include <tutti/data/csv_source.hpp>
#include <tutti/data/exactly_once.hpp>
#include <tutti/data/exchange_rows.hpp>
#include <tutti/data/histogram.hpp>
#include <tutti/data/moments.hpp>
#include <tutti/data/quantiles.hpp>
#include <tutti/data/synced_steps.hpp>
#include <tutti/data/text_source.hpp>
#include <tutti/data/top_k.hpp>
#include <tutti/tutti.hpp>
