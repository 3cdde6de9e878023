// Package aws reads secrets and parameters from Amazon's services, under the class
// names and with the parameters of the public plugin msk-config-providers:
//
//	${secretsmanager:SECRET:KEY}     a field of a secret that is a JSON object
//	${secretsmanager:SECRET}         the secret as it is
//	${ssm::/path/of/parameter}       a parameter, decrypted
//	${s3import:REGION:BUCKET/KEY}    the path of a local copy of an object
//
// SECRET may be URL-encoded, as an ARN has to be. KEY?ttl=MILLISECONDS says how
// long a value holds. Credentials come from where Amazon's SDK finds them.
package aws
