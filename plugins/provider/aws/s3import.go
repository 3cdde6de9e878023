package aws

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/millrace/millrace/plugins/connect"
)

// imports is S3ImportConfigProvider: the value of BUCKET/KEY is the path of a local
// copy, which is called like the last part of KEY. A copy that is there is not
// fetched again, since other tasks may be using it.
type imports struct {
	*common
	dir string
}

var _ connect.ConfigProvider = (*imports)(nil)

// Get implements connect.ConfigProvider. The path, if there is one, is the region.
func (i *imports) Get(ctx context.Context, region string, keys []string) (map[string]string, time.Duration, error) {
	out := map[string]string{}
	for _, key := range keys {
		file, err := i.fetch(ctx, strings.TrimSpace(region), key)
		if err != nil {
			return nil, 0, err
		}
		out[key] = file
	}
	return out, 0, nil
}

// Close implements connect.ConfigProvider.
func (*imports) Close() error { return nil }

func (i *imports) fetch(ctx context.Context, region, place string) (string, error) {
	bucket, key, ok := strings.Cut(strings.TrimPrefix(place, "/"), "/")
	name := path.Base(key)
	if !ok || bucket == "" || name == "" || name == "." || name == ".." || name == "/" {
		return "", &connect.ConfigError{Err: fmt.Errorf("%q does not name an object of S3: it should be BUCKET/KEY", place)}
	}
	file := filepath.Join(i.dir, name)
	if _, err := os.Stat(file); err == nil {
		return file, nil
	}
	conf, err := i.config(ctx)
	if err != nil {
		return "", err
	}
	client := s3.NewFromConfig(conf, func(o *s3.Options) {
		if region != "" {
			o.Region = region
		}
	})
	object, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return "", fmt.Errorf("reading s3://%s/%s: %w", bucket, key, classified(err))
	}
	defer func() { _ = object.Body.Close() }()
	if err := save(file, object.Body); err != nil {
		return "", fmt.Errorf("copying s3://%s/%s: %w", bucket, key, err)
	}
	return file, nil
}

// save writes a file as a whole or not at all, for this user's eyes only.
func save(file string, from io.Reader) error {
	tmp, err := os.CreateTemp(filepath.Dir(file), ".import-*")
	if err != nil {
		return err
	}
	_, err = io.Copy(tmp, from)
	if err = errors.Join(err, tmp.Close()); err == nil {
		err = os.Rename(tmp.Name(), file)
	}
	if err != nil {
		return errors.Join(err, os.Remove(tmp.Name()))
	}
	return nil
}
