module example.com/m

go 1.17

toolchain go1.21.3

require (
	github.com/gorilla/websocket v1.4.0
	gopkg.in/yaml.v2 v2.2.2 // indirect
	github.com/old/thing v0.0.0-20200101000000-abcdefabcdef
)

replace gopkg.in/yaml.v2 => gopkg.in/yaml.v2 v2.2.8

replace github.com/old/thing => ../thing

exclude github.com/gorilla/websocket v1.3.0
