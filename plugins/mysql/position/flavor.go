package position

// Flavor says which server's GTIDs are meant.
type Flavor uint8

// The flavors.
const (
	MySQL Flavor = iota
	MariaDB
)

// String gives the product's name.
func (f Flavor) String() string {
	if f == MariaDB {
		return "MariaDB"
	}
	return "MySQL"
}
