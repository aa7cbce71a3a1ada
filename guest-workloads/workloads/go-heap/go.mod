module snaphammer/go-heap

go 1.19
