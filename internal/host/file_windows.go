package host

import (
	"io/fs"
	"syscall"
)

// identify adds the volume's serial number and the file's index: Windows' device and inode.
func identify(f *File, path string, _ fs.FileInfo) {
	name, err := syscall.UTF16PtrFromString(path)
	if err != nil {
		return
	}
	// FILE_FLAG_BACKUP_SEMANTICS is what lets a folder be opened.
	handle, err := syscall.CreateFile(name, 0, syscall.FILE_SHARE_READ|syscall.FILE_SHARE_WRITE|syscall.FILE_SHARE_DELETE, nil,
		syscall.OPEN_EXISTING, syscall.FILE_FLAG_BACKUP_SEMANTICS|syscall.FILE_FLAG_OPEN_REPARSE_POINT, 0)
	if err != nil {
		return
	}
	defer syscall.CloseHandle(handle)
	var info syscall.ByHandleFileInformation
	if syscall.GetFileInformationByHandle(handle, &info) != nil {
		return
	}
	f.Device = uint64(info.VolumeSerialNumber)
	f.Inode = uint64(info.FileIndexHigh)<<32 | uint64(info.FileIndexLow)
	f.Links = uint64(info.NumberOfLinks)
}
