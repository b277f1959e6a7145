//! NuGet's formats.

use super::check;

#[test]
fn deps_json() {
    check(
        "app/App.deps.json",
        r#"{"runtimeTarget":{"name":".NETCoreApp,Version=v6.0","signature":""},
           "targets":{".NETCoreApp,Version=v6.0":{
             "App/1.0.0":{"dependencies":{"Newtonsoft.Json":"13.0.1"},"runtime":{"App.dll":{}}},
             "Newtonsoft.Json/13.0.1":{"runtime":{"lib/x.dll":{}},"dependencies":{"b":"2.0.0"}},
             "B/2.0.0":{"native":{"x":{}}},
             "Analyzers/1.0.0":{},
             "runtimepack.Microsoft.NETCore.App.Runtime.linux-x64/6.0.1":{"runtime":{}}}},
           "libraries":{
             "App/1.0.0":{"type":"project"},
             "Newtonsoft.Json/13.0.1":{"type":"package","sha512":"sha512-AAEC"},
             "B/2.0.0":{"type":"package","sha512":""},
             "Analyzers/1.0.0":{"type":"package"},
             "runtimepack.Microsoft.NETCore.App.Runtime.linux-x64/6.0.1":{"type":"runtimepack"},
             "Odd":{"type":"package"},"Odder/1":7}}"#,
        "nuget Newtonsoft.Json 13.0.1 (direct) [sha512:000102] -> B@2.0.0
         nuget B 2.0.0
         nuget Analyzers 1.0.0 (dev)
         nuget Microsoft.NETCore.App.Runtime.linux-x64 6.0.1
         ! entry 'Odd': no name/version
         ! entry 'Odder/1': does not say what it is",
    );
}

#[test]
fn locks() {
    check(
        "packages.lock.json",
        r#"{"version":1,"dependencies":{
            "net6.0":{"A":{"type":"Direct","requested":"[1.0.0, )","resolved":"1.0.0","contentHash":"AAEC","dependencies":{"b":"2.0.0"}},
                      "B":{"type":"Transitive","resolved":"2.0.0"},"proj":{"type":"Project"},"Odd":{"type":"Transitive"}},
            "net7.0":{"B":{"type":"Direct","resolved":"2.0.0"}}}}"#,
        "nuget A 1.0.0 (direct) -> B@2.0.0
         nuget B 2.0.0 (direct)
         ! entry 'Odd': no resolved version",
    );
    check(
        "obj/project.assets.json",
        r#"{"version":3,"targets":{"net6.0":{"A/1.0.0":{"type":"package","dependencies":{"B":"1.5.0"}}}},
            "libraries":{"A/1.0.0":{"sha512":"AAEC","type":"package"},"B/2.0.0":{"type":"package"},"P/1.0.0":{"type":"project"}},
            "project":{"frameworks":{"net6.0":{"dependencies":{"A":{"target":"Package","version":"[1.0.0, )"}}}}}}"#,
        "nuget A 1.0.0 (direct) -> B@2.0.0
         nuget B 2.0.0",
    );
}

#[test]
fn xml() {
    check(
        "packages.config",
        "\u{feff}<?xml version=\"1.0\"?>\n<packages>\n <package id=\"A\" version=\"1.0\" targetFramework=\"net48\"/>\n \
         <package id=\"B\" version=\"2.0\" developmentDependency=\"true\" />\n <package id=\"C\"/>\n</packages>",
        "nuget A 1.0 (direct)
         nuget B 2.0 (dev direct)
         ! entry 'C': no version",
    );
    check(
        "src/App.csproj",
        "<Project Sdk=\"x\"><PropertyGroup><V>3.1.0</V><Other>$(V)</Other></PropertyGroup><ItemGroup>\
         <PackageReference Include=\"A\" Version=\"1.0.0\" />\
         <PackageReference Include=\"B\"><Version>2.0.0</Version><PrivateAssets>all</PrivateAssets></PackageReference>\
         <PackageReference Include=\"C\" Version=\"$(Other)\" /><PackageReference Include=\"D\" Version=\"4.*\" />\
         <PackageReference Include=\"E\" /><PackageReference Include=\"F\" Version=\"[5.0.0]\" />\
         <PackageReference Include=\"G\" Version=\"$(Nowhere)\" /></ItemGroup></Project>",
        "nuget A 1.0.0 (direct)
         nuget B 2.0.0 (direct)
         nuget C 3.1.0 (direct)
         nuget F 5.0.0 (direct)
         ! left out, its version stands in another file (1): E
         ! left out, not pinned to one version (2): D, G",
    );
    check(
        "Directory.Packages.props",
        "<Project><ItemGroup><PackageVersion Include=\"A\" Version=\"1.0.0\"/></ItemGroup></Project>",
        "nuget A 1.0.0 (direct)",
    );
    check(
        "x.csproj",
        "<Project><ItemGroup><PackageReference Include=\"A\" Version=\"1.0.0\"/></Broken>",
        "nuget A 1.0.0 (direct)
         ! not readable as XML: ill-formed document: expected `</ItemGroup>`, but `</Broken>` was found",
    );
}
