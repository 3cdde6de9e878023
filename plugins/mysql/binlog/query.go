package binlog

// Codes of the status variables in a QUERY event (Query_log_event::Query_event_post_header).
const (
	statusFlags2               = 0
	statusSQLMode              = 1
	statusCatalog              = 2
	statusAutoIncrement        = 3
	statusCharset              = 4
	statusTimeZone             = 5
	statusCatalogNZ            = 6
	statusTimeNames            = 7
	statusDatabaseCharset      = 8
	statusTableMapForUpdate    = 9
	statusMasterDataWritten    = 10
	statusInvoker              = 11
	statusUpdatedDatabases     = 12
	statusMicroseconds         = 13
	statusCommitTS             = 14
	statusCommitTS2            = 15
	statusExplicitDefaults     = 16
	statusDDLXID               = 17
	statusDefaultUTF8MB4       = 18
	statusRequirePrimaryKey    = 19
	statusTableEncryption      = 20
	statusMariaDBMicroseconds  = 128
	statusMariaDBXID           = 129
	statusMariaDBGTIDFlags     = 130
	statusMariaDBCollations    = 131
	tooManyDatabases           = 254
	bytesOfCommitTS2           = 8
	bytesPerCollationException = 4
)

func (q *Query) decode(body []byte) bool {
	c := cursor{b: body}
	q.Thread = c.u32()
	c.skip(4) // seconds that the statement took
	dbLen := int(c.u8())
	q.ErrorCode = c.u16()
	status := c.take(int(c.u16()))
	q.DB = c.take(dbLen)
	c.skip(1)
	q.SQL = c.rest()
	q.Status.decode(status)
	return !c.bad
}

// decode reads the status variables up to the first that is unknown: their
// lengths are not in the event, so that nothing after it can be read.
func (s *QueryStatus) decode(b []byte) {
	*s = QueryStatus{}
	c := cursor{b: b}
	for len(c.b) > 0 && !c.bad {
		switch c.u8() {
		case statusFlags2, statusAutoIncrement, statusMasterDataWritten:
			c.skip(4)
		case statusSQLMode:
			s.SQLMode = c.u64()
			s.HasSQLMode = !c.bad
		case statusCatalog:
			c.short()
			c.skip(1)
		case statusCharset:
			s.ClientCharset, s.ConnectionCollation, s.ServerCollation = c.u16(), c.u16(), c.u16()
		case statusTimeZone:
			s.TimeZone = c.short()
		case statusCatalogNZ:
			c.short()
		case statusTimeNames, statusMariaDBGTIDFlags:
			c.skip(2)
		case statusDatabaseCharset:
			s.DefaultDatabaseCollation = c.u16()
		case statusTableMapForUpdate, statusMariaDBXID, statusCommitTS2:
			c.skip(bytesOfCommitTS2)
		case statusInvoker:
			c.short()
			c.short()
		case statusUpdatedDatabases:
			if n := c.u8(); n != tooManyDatabases {
				for range n {
					c.untilZero()
				}
			}
		case statusMicroseconds, statusMariaDBMicroseconds:
			c.skip(3)
		case statusCommitTS:
		case statusExplicitDefaults, statusRequirePrimaryKey, statusTableEncryption:
			c.skip(1)
		case statusDDLXID:
			s.DDLXID = c.u64()
		case statusDefaultUTF8MB4:
			s.DefaultUTF8MB4Collation = c.u16()
		case statusMariaDBCollations:
			c.skip(int(c.u8()) * bytesPerCollationException)
		default:
			return
		}
	}
}
