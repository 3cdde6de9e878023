package client

import (
	"encoding/base64"
	"fmt"
	"net/http"

	"github.com/millrace/millrace/herder"
)

// Sign adds the signature of a body to a request's header; without a key it
// adds none, for groups whose protocol has no session keys
// (InternalRequestSignature.addToRequest).
func Sign(header http.Header, key herder.SessionKey, body []byte) error {
	if len(key.Key) == 0 {
		return nil
	}
	mac, ok := herder.Sign(key.Algorithm, key.Key, body)
	if !ok {
		return fmt.Errorf("signing a request to another worker: %s is not available", key.Algorithm)
	}
	header.Set(herder.SignatureHeader, base64.StdEncoding.EncodeToString(mac))
	header.Set(herder.SignatureAlgorithmHeader, key.Algorithm)
	return nil
}

// ReadSignature returns the signature that a request carries, nil when it
// carries none. The error is a BadRequest.
func ReadSignature(header http.Header, body []byte) (*herder.Signature, error) {
	algorithm, text := header.Get(herder.SignatureAlgorithmHeader), header.Get(herder.SignatureHeader)
	if algorithm == "" || text == "" {
		return nil, nil
	}
	if _, ok := herder.Sign(algorithm, nil, nil); !ok {
		return nil, herder.Errorf(herder.BadRequest, "Algorithm %s not available", algorithm)
	}
	mac, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, herder.Errorf(herder.BadRequest, "The header %s is not Base64", herder.SignatureHeader)
	}
	return &herder.Signature{Body: body, Algorithm: algorithm, MAC: mac}, nil
}
