//! Ruby's formats.

use super::check;

#[test]
fn gemspecs() {
    let path = "usr/lib/ruby/gems/3.1.0/specifications/rack-2.2.0.rc1.gemspec";
    check(
        path,
        "# -*- encoding: utf-8 -*-\n# stub: rack 2.2.0.rc1 ruby lib\n\nGem::Specification.new do |s|\n  \
         s.name = \"rack\".freeze\n  s.version = \"2.2.0.rc1\"\n\n  s.required_ruby_version = Gem::Requirement.new(\">= 2.3\")\n  \
         s.authors = [\"A\".freeze, \"B\".freeze]\n  s.licenses = [\"MIT\".freeze]\n  s.description = \"x.name = 'y'\"\nend\n",
        "gem rack 2.2.0.rc1 <MIT> by A, B",
    );
    check(
        path,
        "Gem::Specification.new do |s|\n  s.name = %q{rack}\n  s.version = Gem::Version.new(\"1.0.a\")\n",
        "gem rack 1.0.a",
    );
    check(
        path,
        "s.name = 'x'\ns.version = X::VERSION\n",
        "gem x 2.2.0.rc1",
    );
    check(
        "specifications/a-b-1.2-x86_64-linux.gemspec",
        "",
        "gem a-b 1.2 x86_64-linux",
    );
    check(
        "specifications/default/nothing.gemspec",
        "",
        "! entry 'nothing': no version",
    );
    check("src/x.gemspec", "s.name = 'x'", "");
}

#[test]
fn gemfile_lock() {
    check(
        "app/Gemfile.lock",
        "GIT\n  remote: https://example.org/g.git\n  revision: 00\n  specs:\n    g (0.3.0)\n      rack\n\n\
         PATH\n  remote: .\n  specs:\n    own (1.0)\n      rails (~> 7)\n\n\
         GEM\n  remote: https://example.org/\n  specs:\n    nokogiri (1.15.0)\n      racc (~> 1.4)\n    nokogiri (1.15.0-x86_64-linux)\n    \
         racc (1.7.1)\n    rack (2.2.7)\n    rails (7.0.0.rc1)\n      rack (>= 2)\n    odd\n\n\
         PLATFORMS\n  ruby\n\nDEPENDENCIES\n  g!\n  own!\n  rack (~> 2.2)\n\n\
         CHECKSUMS\n  rack (2.2.7) sha256=aabb\n  odd\n\nRUBY VERSION\n   ruby 3.2.0\n\nBUNDLED WITH\n   2.4.0\n",
        "gem g 0.3.0 (direct) -> rack@2.2.7
         gem nokogiri 1.15.0 -> racc@1.7.1
         gem racc 1.7.1
         gem rack 2.2.7 (direct) [sha256:aabb]
         gem rails 7.0.0.rc1 (direct) -> rack@2.2.7
         ! entry 'odd': no version
         ! left out, a gem of the project itself (1): own",
    );
}
