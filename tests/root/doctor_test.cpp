#include "contain/doctor.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "contain/engine.hpp"

namespace {

using namespace contain;
namespace fs = std::filesystem;

class doctor_report_of_this_host : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    std::string pattern = fs::temp_directory_path() / "contain-doctor-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
  }
  void TearDown() override {
    std::error_code ignored;
    fs::remove_all(root_, ignored);
  }
  static std::set<fs::path> files_in(const fs::path& directory) {
    std::set<fs::path> found;
    for (const auto& entry : fs::recursive_directory_iterator(directory)) found.insert(entry.path());
    return found;
  }
  fs::path root_;
};

TEST_F(doctor_report_of_this_host, says_that_containers_start_and_how_to_help) {
  engine in(engine_options{.root = root_, .log = {}});
  const auto report = doctor(in);
  std::set<std::string> groups;
  std::set<std::pair<std::string, std::string>> names;
  for (const auto& check : report.checks) {
    groups.insert(check.group);
    EXPECT_TRUE(names.emplace(check.group, check.name).second) << check.name << " is there twice";
    EXPECT_FALSE(check.detail.empty()) << check.name;
    EXPECT_NE(check.result, doctor_check::grade::missing) << check.name << ": " << check.detail;
  }
  EXPECT_EQ(groups,
            (std::set<std::string>{"kernel", "isolation", "cgroups", "storage", "network", "rootless", "tools"}));
  EXPECT_TRUE(report.usable());
}

TEST_F(doctor_report_of_this_host, changes_nothing) {
  engine in(engine_options{.root = root_, .log = {}});
  const auto before = files_in(root_);
  (void)doctor(in);
  EXPECT_EQ(files_in(root_), before);
}

TEST_F(doctor_report_of_this_host, is_json_for_programs) {
  engine in(engine_options{.root = root_, .log = {}});
  const auto report = doctor(in);
  const auto parsed = nlohmann::json::parse(report.to_json());
  EXPECT_EQ(parsed.at("usable"), report.usable());
  ASSERT_EQ(parsed.at("checks").size(), report.checks.size());
  EXPECT_EQ(parsed.at("checks")[0].at("name"), report.checks[0].name);
}

TEST(doctor_report, is_unusable_when_a_row_is_missing) {
  doctor_report report;
  EXPECT_TRUE(report.usable());
  report.checks.push_back({"kernel", "a", doctor_check::grade::degraded, "d", ""});
  EXPECT_TRUE(report.usable());
  report.checks.push_back({"kernel", "b", doctor_check::grade::missing, "d\xff", ""});
  EXPECT_FALSE(report.usable());
  EXPECT_EQ(nlohmann::json::parse(report.to_json()).at("checks").size(), 2U);
}

}  // namespace
