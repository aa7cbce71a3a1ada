// What nearly every test needs, compiled once. Tests still include what they use.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/base/precompiled.h"
