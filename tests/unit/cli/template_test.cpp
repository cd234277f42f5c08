#include "cli/template.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "contain/core/error.hpp"

namespace contain::cli {
namespace {

using json = nlohmann::ordered_json;

json sample() {
  return json::parse(R"({
    "Id": "abc", "Name": "/web", "Empty": "", "Null": null, "Exit": 3, "Ratio": 0.5, "Running": true,
    "State": {"Status": "exited", "Pid": 0},
    "Args": ["sh", "-c", "echo <hi> & 'ho'"],
    "Labels": {"b.key": "2", "a": "1"},
    "Mounts": [{"Type": "bind", "Target": "/a"}, {"Type": "tmpfs", "Target": "/b"}]
  })");
}

std::string render(const char* source) { return go_template{source}.render(sample()); }

TEST(go_template, prints_fields_as_go_does) {
  EXPECT_EQ(render("{{.Id}}"), "abc");
  EXPECT_EQ(render("id={{ .Id }};"), "id=abc;");
  EXPECT_EQ(render("{{.State.Status}}/{{.State.Pid}}"), "exited/0");
  EXPECT_EQ(render("{{.Exit}} {{.Ratio}} {{.Running}}"), "3 0.5 true");
  EXPECT_EQ(render("{{.Args}}"), "[sh -c echo <hi> & 'ho']");
  EXPECT_EQ(render("{{.Labels}}"), "map[a:1 b.key:2]");
  EXPECT_EQ(render("{{.Null}}"), "<no value>");
  EXPECT_EQ(render("plain"), "plain");
  EXPECT_EQ(render(""), "");
}

TEST(go_template, json_prints_compact_and_leaves_angle_brackets_alone) {
  EXPECT_EQ(render("{{json .State}}"), R"({"Status":"exited","Pid":0})");
  EXPECT_EQ(render("{{json .Args}}"), R"(["sh","-c","echo <hi> & 'ho'"])");
  EXPECT_EQ(render("{{.Name | json}}"), R"("/web")");
  EXPECT_EQ(render("{{json .Null}}"), "null");
}

TEST(go_template, indexes_maps_and_lists) {
  EXPECT_EQ(render(R"({{index .Labels "b.key"}})"), "2");
  EXPECT_EQ(render(R"({{index .Args 1}})"), "-c");
  EXPECT_EQ(render(R"({{(index .Mounts 1).Target}})"), "/b");
  EXPECT_EQ(render(R"({{index .Mounts 0 "Type"}})"), "bind");
  EXPECT_EQ(render(R"({{index .Labels "none"}})"), "<no value>");
  EXPECT_THROW(render("{{index .Args 9}}"), error);
}

TEST(go_template, ranges_over_lists_and_maps) {
  EXPECT_EQ(render("{{range .Mounts}}{{.Type}}={{.Target}} {{end}}"), "bind=/a tmpfs=/b ");
  EXPECT_EQ(render("{{range $i, $m := .Mounts}}{{$i}}:{{$m.Type}};{{end}}"), "0:bind;1:tmpfs;");
  EXPECT_EQ(render("{{range $k, $v := .Labels}}{{$k}}={{$v}},{{end}}"), "a=1,b.key=2,");
  EXPECT_EQ(render("{{range .Empty}}x{{else}}none{{end}}"), "none");
  EXPECT_EQ(render("{{range .Mounts}}{{$.Id}}{{end}}"), "abcabc");
}

TEST(go_template, decides) {
  EXPECT_EQ(render("{{if .Running}}up{{else}}down{{end}}"), "up");
  EXPECT_EQ(render("{{if .Empty}}a{{else if .Null}}b{{else}}c{{end}}"), "c");
  EXPECT_EQ(render("{{if eq .State.Status \"exited\"}}yes{{end}}"), "yes");
  EXPECT_EQ(render("{{if and .Running (gt .Exit 2)}}yes{{end}}"), "yes");
  EXPECT_EQ(render("{{if not .Running}}yes{{else}}no{{end}}"), "no");
  EXPECT_EQ(render("{{with .State}}{{.Status}}{{end}}"), "exited");
  EXPECT_EQ(render("{{with .Empty}}x{{else}}y{{end}}"), "y");
  EXPECT_EQ(render("{{$x := .Id}}{{$x}}{{$x = .Name}}{{$x}}"), "abc/web");
}

TEST(go_template, has_docker_functions) {
  EXPECT_EQ(render(R"({{join .Args ","}})"), "sh,-c,echo <hi> & 'ho'");
  EXPECT_EQ(render(R"({{index (split .Name "/") 1}})"), "web");
  EXPECT_EQ(render("{{upper .Id}} {{lower \"ABC\"}} {{title \"ab cd\"}}"), "ABC abc Ab Cd");
  EXPECT_EQ(render("{{len .Args}} {{len .Id}}"), "3 3");
  EXPECT_EQ(render("{{truncate .Id 2}}|{{pad .Id 1 2}}|"), "ab| abc  |");
  EXPECT_EQ(render(R"({{printf "%s-%04d-%q-%5s|%-5s|%.2f%%" .Id .Exit .Name .Id .Id .Ratio}})"),
            "abc-0003-\"/web\"-  abc|abc  |0.50%");
  EXPECT_EQ(render("{{println .Id}}"), "abc\n");
  EXPECT_EQ(render("{{.Id | upper | printf \"<%s>\"}}"), "<ABC>");
}

TEST(go_template, trims_blanks_and_drops_comments) {
  EXPECT_EQ(render("a  {{- .Id -}}  b"), "aabcb");
  EXPECT_EQ(render("a{{/* nothing */}}b"), "ab");
  EXPECT_EQ(render("{{- /* nothing */ -}} b"), "b");
}

TEST(go_template, calls_methods_of_the_row) {
  const go_template shape{R"({{.Label "a"}})"};
  const auto label = [](std::string_view name, const std::vector<std::string>& args) -> std::optional<std::string> {
    if (name != "Label") return std::nullopt;
    return "of " + args.front();
  };
  EXPECT_EQ(shape.render(sample(), label), "of a");
}

TEST(go_template, refuses_what_it_cannot_mean) {
  for (const char* bad : {"{{", "{{.Id", "{{end}}", "{{if .Id}}", "{{range .Args}}x", "{{.Id}} {{else}}", "{{\"a}}",
                          "{{.Id)}}", "{{(.Id}}", "{{}}", "{{.Id .Name |}}", "{{§}}"})
    EXPECT_THROW(go_template{bad}, error) << bad;
  for (const char* bad : {"{{.Nope}}", "{{.State.Nope}}", "{{.Id.Nope}}", "{{.Null.Nope}}", "{{nope .Id}}", "{{$x}}",
                          "{{.Id .Name}}", "{{json}}", "{{lt .Id 1}}", "{{range .Exit}}x{{end}}"})
    EXPECT_THROW(render(bad), error) << bad;
}

TEST(go_template, says_which_field_is_missing) {
  try {
    (void)render("{{.State.Nope}}");
    FAIL();
  } catch (const error& e) {
    EXPECT_EQ(e.code(), errc::invalid);
    EXPECT_NE(e.detail().find(".State.Nope"), std::string::npos);
  }
}

}  // namespace
}  // namespace contain::cli
