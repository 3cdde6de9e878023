module github.com/millrace/millrace/integration/real/clients/goclients

go 1.26

require (
	github.com/cloudhut/connect-client v0.0.0-20240523140316-27c93e339567
	github.com/go-kafka/connect v0.9.0
)

require (
	github.com/alecthomas/template v0.0.0-20190718012654-fb15b899a751 // indirect
	github.com/alecthomas/units v0.0.0-20240927000941-0f3dac36c52b // indirect
	github.com/go-resty/resty/v2 v2.7.0 // indirect
	golang.org/x/net v0.8.0 // indirect
	gopkg.in/alecthomas/kingpin.v2 v2.2.6 // indirect
)

tool github.com/go-kafka/connect/cmd/kafka-connect
